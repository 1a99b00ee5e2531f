// Counts connections in words.

export function connections(count: number): string {
  return count === 1 ? '1 connection' : `${count} connections`;
}
