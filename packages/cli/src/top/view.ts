// What `vhostd top` shows, as lines for a screen of a size. Pure.
import type { DaemonStatus } from '@vhostd/protocol';
import { formatBytes } from '../bytes.js';
import { formatDuration } from '../duration.js';
import { printableLine } from '../printable.js';
import { counted } from '../counted.js';
import { nameOf } from './rows.js';
import type { Row } from './rows.js';

export type Style = 'plain' | 'heading' | 'selected' | 'bad' | 'faint';

export interface Line {
  readonly text: string;
  readonly style: Style;
}

/** All that is shown. */
export interface Shown {
  /** Undefined while no daemon answers: `trouble` says why. */
  readonly status: DaemonStatus | undefined;
  readonly trouble: string | undefined;
  readonly rows: readonly Row[];
  /** Name of the row that is selected. */
  readonly selected: string | undefined;
  /** Heading and lines of the lower part, the latest last. */
  readonly below: { readonly title: string; readonly lines: readonly string[] };
  /** The last line: keys, a question, or the outcome of an order. */
  readonly footer: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** As many lines as the screen has, each within its width. */
export function view(shown: Shown, { columns, rows }: Size): Line[] {
  const head = headLines(shown);
  const belowCount = Math.min(BELOW_MAX_COUNT, Math.floor(Math.max(0, rows - head.length - 2) / 3));
  const tableCount = Math.max(0, rows - head.length - 2 - (belowCount === 0 ? 0 : belowCount + 1));
  const lines = [
    ...head,
    heading(tableLine(HEADINGS, columns)),
    ...tableLines(shown, tableCount, columns),
    ...(belowCount === 0 ? [] : belowLines(shown, belowCount)),
  ];
  const footer: Line = { text: shown.footer, style: 'faint' };
  return [...lines.slice(0, Math.max(0, rows - 1)), footer].slice(0, rows).map(({ text, style }) => ({
    text: fit(printableLine(text), FILLED.has(style), columns),
    style,
  }));
}

function headLines({ status, trouble }: Shown): Line[] {
  if (status === undefined) return [{ text: trouble ?? 'asking the daemon', style: 'bad' }, plain('')];
  const { daemon, master, sites, counts } = status;
  const workers = sites.reduce((sum, site) => sum + site.workers.length, 0);
  const running =
    master === undefined ? 'no master' : `master ${master.pid}, ${counted(master.restarts, 'restart')}`;
  const refused = Object.values(counts?.refused ?? {}).reduce((sum, count) => sum + count, 0);
  const parked = sites.reduce((sum, site) => sum + site.parked, 0);
  const totals = `accepted ${counts?.accepted ?? 0}, refused ${refused}, moved ${counts?.handedBack ?? 0}`;
  return [
    plain(`vhostd ${daemon.version}  up ${formatDuration(daemon.uptimeMs)}  ${running}`),
    trouble === undefined
      ? plain(`${counted(sites.length, 'site')}, ${counted(workers, 'worker')}  ${totals}, queued ${parked}`)
      : { text: trouble, style: 'bad' },
  ];
}

/** The part of the table that has the selected row in it. */
function tableLines({ rows, selected, status }: Shown, count: number, columns: number): Line[] {
  const place = Math.max(
    0,
    rows.findIndex((row) => nameOf(row) === selected),
  );
  const first = Math.max(0, Math.min(place - Math.floor(count / 2), rows.length - count));
  const lines: Line[] = rows.slice(first, first + count).map((row) => ({
    text: tableLine(cellsOf(row), columns),
    style: nameOf(row) === selected ? 'selected' : row.bad ? 'bad' : 'plain',
  }));
  if (rows.length === 0 && status !== undefined && count > 0) lines.push(plain('no such site'));
  return [...lines, ...Array.from({ length: count - lines.length }, () => plain(''))];
}

function belowLines({ below }: Shown, count: number): Line[] {
  const title = heading(below.title);
  const lines = below.lines.slice(-count).map(plain);
  return [title, ...lines, ...Array.from({ length: count - lines.length }, () => plain(''))];
}

/** The name as wide as there is room, then what still fits. */
function tableLine([name = '', ...cells]: readonly string[], columns: number): string {
  let shownCount = WIDTHS.length;
  const widthOf = (count: number): number =>
    WIDTHS.slice(0, count).reduce((sum, width) => sum + width + 1, 0);
  while (shownCount > 1 && columns - widthOf(shownCount) < NAME_MIN_WIDTH) shownCount -= 1;
  const nameWidth = Math.max(0, columns - widthOf(shownCount));
  const fields = cells.slice(0, shownCount).map((cell, index) => {
    const width = WIDTHS[index] ?? 0;
    const text = cut(cell, width);
    return index === 0 ? text.padEnd(width) : text.padStart(width);
  });
  return [cut(printableLine(name), nameWidth).padEnd(nameWidth), ...fields].join(' ');
}

function cellsOf(row: Row): string[] {
  const { requests, cpu, memoryBytes, uptimeMs } = row;
  return [
    row.workerId === undefined ? row.siteId : `  ${row.workerId}`,
    row.state,
    requests === undefined ? NONE : requests < 10 ? requests.toFixed(1) : String(Math.round(requests)),
    String(row.connections),
    cpu === undefined ? NONE : (cpu * 100).toFixed(1),
    memoryBytes === undefined ? NONE : formatBytes(memoryBytes),
    String(row.restarts),
    uptimeMs === undefined ? NONE : formatDuration(uptimeMs),
  ];
}

function plain(text: string): Line {
  return { text, style: 'plain' };
}

function heading(text: string): Line {
  return { text, style: 'heading' };
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Within the width; `fills`: as wide as it. */
function fit(text: string, fills: boolean, width: number): string {
  const within = Array.from(text).slice(0, width);
  return fills ? within.join('') + ' '.repeat(width - within.length) : within.join('').trimEnd();
}

/** What has a background. */
const FILLED: ReadonlySet<Style> = new Set(['heading', 'selected']);
const HEADINGS = ['SITE, WORKER', 'STATE', 'REQ/S', 'CONNS', 'CPU%', 'MEM', 'RESTARTS', 'UP'];
/** Of the columns behind the name. */
const WIDTHS = [10, 7, 7, 6, 6, 8, 8];
const NAME_MIN_WIDTH = 12;
const BELOW_MAX_COUNT = 12;
const NONE = '-';
