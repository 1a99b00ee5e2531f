// What a browser loads: the page's own files as they were compiled, and the libraries as they were installed.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** Undefined: there is no file of this path. */
export function pageFile(path: string): PageFile | undefined {
  const known = FILES.get(path);
  if (known === undefined) return undefined;
  const [type, url] = known;
  return { type, content: readFileSync(fileURLToPath(url)) };
}

const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';
const MODULES = [
  'address',
  'chart',
  'confirm',
  'connection',
  'event-text',
  'events',
  'figures',
  'format',
  'log',
  'main',
  'overview',
  'site',
  'tone',
];

/** By path: a table, so that no path leads anywhere else. */
const FILES: ReadonlyMap<string, readonly [type: string, url: string]> = new Map([
  ['/', ['text/html; charset=utf-8', ownFile('page/index.html')]],
  ['/style.css', [STYLE, ownFile('page/style.css')]],
  ['/icon.svg', ['image/svg+xml', ownFile('page/icon.svg')]],
  ...MODULES.map((name) => [`/${name}.js`, [SCRIPT, ownFile(`dist/page/${name}.js`)]] as const),
  ['/vendor/preact.js', [SCRIPT, import.meta.resolve('htm/preact/standalone')]],
  ['/vendor/uplot.js', [SCRIPT, import.meta.resolve('uplot/dist/uPlot.esm.js')]],
  ['/vendor/uplot.css', [STYLE, import.meta.resolve('uplot/dist/uPlot.min.css')]],
] as const);

/** In this package, from `dist` as from `bundle`. */
function ownFile(path: string): string {
  return new URL(`../${path}`, import.meta.url).href;
}
