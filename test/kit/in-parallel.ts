// Runs many small tasks, so many at a time.

/** Calls `work` for each item, at most `limit` at once; rejects with the first error once all under way ended. */
export async function inParallel<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (let step = iterator.next(); step.done !== true && errors.length === 0; step = iterator.next()) {
      try {
        await work(step.value);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, lane));
  if (errors.length > 0) throw errors[0];
}
