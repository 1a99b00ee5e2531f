// Finds the key that somebody most likely meant, for messages about unknown ones.

/**
 * The known key nearest to `key`, or undefined if none is near: at most a third of the longer one's letters
 * (and at least one) may be wrong, missing, surplus or swapped with their neighbour; case does not count.
 */
export function nearestKey(key: string, knownKeys: readonly string[]): string | undefined {
  if (key.length > MAX_KEY_LENGTH) return undefined;
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const known of knownKeys) {
    const distance = editDistance(key.toLowerCase(), known.toLowerCase());
    if (distance > Math.max(1, Math.floor(Math.max(key.length, known.length) / 3))) continue;
    if (distance < least) {
      nearest = known;
      least = distance;
    }
  }
  return nearest;
}

// Keys may come from an untrusted worker, and the distance costs the product of both lengths.
const MAX_KEY_LENGTH = 64;

/** Optimal string alignment distance: Levenshtein's, with a swap of neighbours counted once. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current.push(
        Math.min(
          at(row - 1, column) + 1,
          at(row, column - 1) + 1,
          at(row - 1, column - 1) + (same ? 0 : 1),
          swapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(from.length, to.length);
}
