// What was typed, as keys: a terminal in raw mode sends several at once, and arrows as sequences.

/** The names of keys that are no character, and characters as themselves. */
export function keysOf(chunk: string): string[] {
  return Array.from(
    chunk.matchAll(KEY),
    ([text]) => NAMES[text] ?? (text.startsWith('\u{1b}[') ? 'unknown' : text),
  );
}

/** A sequence (ECMA-48 5.4, and SS3 of cursor keys), or one character. */
// oxlint-disable-next-line no-control-regex
const KEY = /\u{1b}\[[0-?]*[ -/]*[@-~]|\u{1b}O[A-Z]|[^]/gu;

const NAMES: Readonly<Record<string, string>> = {
  '\u{1b}[A': 'up',
  '\u{1b}OA': 'up',
  '\u{1b}[B': 'down',
  '\u{1b}OB': 'down',
  '\u{1b}': 'escape',
  '\r': 'enter',
  '\n': 'enter',
  '\u{7f}': 'backspace',
  '\b': 'backspace',
  '\u{3}': 'quit',
  '\u{4}': 'quit',
  '\u{1a}': 'suspend',
};
