// Counts things in words.

/** `1 site`, `2 sites`; `noun` in the singular, one that takes an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
