// Colours on a terminal that wants them.

const CODES = { red: 31, green: 32, yellow: 33, grey: 90 } as const;

/** Whether standard output shows colours: a terminal, unless NO_COLOR (no-color.org) is set. */
export function showsColours(): boolean {
  const { NO_COLOR: noColor, TERM: term } = process.env;
  return process.stdout.isTTY && (noColor === undefined || noColor === '') && term !== 'dumb';
}

export function colour(name: keyof typeof CODES, text: string, isShown: boolean = showsColours()): string {
  return isShown ? `\u{1b}[${CODES[name]}m${text}\u{1b}[39m` : text;
}
