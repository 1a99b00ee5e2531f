// What sites print, as a screen shows it.
import { prefixed } from './default-log.js';
import type { LineOrigin } from './default-log.js';

/** Whole lines as `shop | TEXT`; on a terminal {@link withoutControls}. */
export function screenLines(lines: Buffer, { siteId }: LineOrigin, isTerminal: boolean): Buffer {
  const shown = isTerminal ? Buffer.from(withoutControls(lines.toString())) : lines;
  return prefixed(shown, `${siteId} | `);
}

/** Writes out what would steer a terminal, as `\u{1b}`, but for colours, which end with their line. */
export function withoutControls(text: string): string {
  return text
    .replace(/\r$/gmu, '')
    .replace(STEERING, (found) =>
      found.length > 1 ? found : `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`,
    )
    .replace(COLOURED_LINE, (line) => `${line}\u{1b}[0m`);
}

/** SGR (ECMA-48, 8.3.117): what sets a colour. */
const SGR = String.raw`\u{1b}\[[\d;]*m`;
/** That, which stays, and every control or formatting character but tab and newline. */
const STEERING = new RegExp(String.raw`${SGR}|(?![\t\n])[\p{Cc}\p{Cf}]`, 'gu');
const COLOURED_LINE = new RegExp(`^.*${SGR}.*$`, 'gmu');
