// Makes text that came from elsewhere harmless to a terminal.

/**
 * The text with control and formatting characters but the newline written out, as `\u{1b}`: an escape sequence
 * in a site's error message must not steer the terminal of whoever reads it.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, (character) => {
    if (character === '\n') return character;
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** {@link printable} on one line. */
export function printableLine(text: string): string {
  const lines = text.includes('\n') ? text.split('\n').map((line) => line.trim()) : [text];
  return printable(lines.join('; '));
}
