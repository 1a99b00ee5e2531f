// A figure over the last minutes: large as it is now, and as a line.
import type { Sample } from '../messages.js';
import { seriesOf } from './figures.js';
import type { Series } from './figures.js';
import { formatBytes, formatCount, formatRate, formatShare, formatTime, NONE } from './format.js';
import { html, useEffect, useMemo, useRef, useState } from './vendor/preact.js';
import type { VNode } from './vendor/preact.js';
import uPlot from './vendor/uplot.js';

/** Of one site, or of all together. */
export function FigureCharts({ samples, siteId }: { samples: readonly Sample[]; siteId?: string }): VNode {
  return html`<div class="charts">
    ${FIGURES.map(({ figure, ...how }) => {
      const series = useMemo(() => seriesOf(samples, figure, siteId), [samples, siteId]);
      return html`<${Chart} key=${figure} series=${series} ...${how} />`;
    })}
  </div>`;
}

const COUNT_STEPS = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 9 }, (_, power) => step * 10 ** power))
  .toSorted((one, other) => one - other);
/** As fine as its labels are: of two lines of the grid none has the other's. */
const TENTH_STEPS = [0.1, 0.2, 0.5, ...COUNT_STEPS];
const SHARE_STEPS = TENTH_STEPS.map((percent) => percent / 100);
const BYTE_STEPS = Array.from({ length: 24 }, (_, power) => 1_048_576 * 2 ** power);
const FIGURES = [
  {
    figure: 'requests',
    title: 'Requests / s',
    format: formatRate,
    steps: TENTH_STEPS,
    absent: 'Workers tell it with their second heartbeat.',
  },
  {
    figure: 'connections',
    title: 'Connections',
    format: formatCount,
    steps: COUNT_STEPS,
    absent: 'No worker has told any yet.',
  },
  {
    figure: 'cpu',
    title: 'CPU',
    format: formatShare,
    steps: SHARE_STEPS,
    absent: 'Workers tell it with their second heartbeat.',
  },
  {
    figure: 'memoryBytes',
    title: 'Memory',
    format: formatBytes,
    steps: BYTE_STEPS,
    absent: 'No worker has told it yet.',
  },
] as const;

interface ChartProps {
  readonly title: string;
  readonly series: Series;
  readonly format: (value: number) => string;
  /** Between lines of the grid, the smallest first; undefined: any round number. */
  readonly steps: readonly number[] | undefined;
  /** Said in place of the line where no value is known. */
  readonly absent: string;
}

function Chart({ title, series, format, steps, absent }: ChartProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const [hovered, setHovered] = useState<number | null | undefined>(undefined);
  const isKnown = series.values.some((value) => value !== null);
  useEffect(() => {
    const element = place.current;
    if (element === null || !isKnown) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(element, { format, steps }, setHovered), dataOf(series), element);
    };
    draw();
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    );
    sizes.observe(element);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    return () => {
      scheme.removeEventListener('change', draw);
      sizes.disconnect();
      plot.current?.destroy();
    };
  }, [isKnown]);
  useEffect(() => plot.current?.setData(dataOf(series)), [series]);
  const known = series.values.filter((value) => value !== null);
  const isHovered = hovered !== undefined && hovered !== null;
  const value = isHovered ? series.values[hovered] : series.values.at(-1);
  const shown = value === undefined || value === null ? NONE : format(value);
  const peak = known.length === 0 ? '' : `, at most ${format(Math.max(...known))} in the last minutes`;
  const when = isHovered ? formatTime((series.times[hovered] ?? 0) * 1_000) : 'now';
  return html`<figure class="chart">
    <figcaption>
      <span class="chart-title">${title}</span>
      <span class="chart-value">${shown}</span>
      <span class="chart-when">${isKnown ? when : ''}</span>
    </figcaption>
    ${
      isKnown
        ? html`<div
            class="chart-line"
            ref=${place}
            role="img"
            aria-label=${`${title}: ${shown}${peak}`}
          ></div>`
        : html`<p class="chart-absent">${absent}</p>`
    }
  </figure>`;
}

function dataOf({ times, values }: Series): uPlot.AlignedData {
  return [[...times], [...values]];
}

function optionsOf(
  element: HTMLElement,
  { format, steps }: Pick<ChartProps, 'format' | 'steps'>,
  onHover: (index: number | null | undefined) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  // A narrow chart has room for no times.
  const hasTimes = (): boolean => element.clientWidth >= AXIS_WIDTH + 2 * TIME_SPACE;
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--faint'),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    // To the right half of a time.
    padding: [8, () => (hasTimes() ? 26 : 4), 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'time' }, points: { size: 6 }, y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      {
        ...axis,
        size: () => (hasTimes() ? 22 : 8),
        space: TIME_SPACE,
        values: (_plot, times) => (hasTimes() ? times.map(clockOf) : []),
      },
      {
        ...axis,
        size: AXIS_WIDTH,
        space: 28,
        ...(steps === undefined ? {} : { incrs: [...steps] }),
        values: (_plot, values) => values.map((value) => format(value)),
      },
    ],
    series: [
      {},
      { stroke: colour('--chart'), fill: colour('--chart-fill'), width: 1.5, points: { show: false } },
    ],
    hooks: {
      setCursor: [
        ({ cursor }) => onHover(cursor.left !== undefined && cursor.left >= 0 ? cursor.idx : undefined),
      ],
    },
  };
}

function clockOf(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  });
}

const HEIGHT = 120;
/** Pixels, of the values beside the chart, and from one time below it to the next. */
const AXIS_WIDTH = 58;
const TIME_SPACE = 90;
