// What a worker says before it is stopped where it stands. Nothing of it is trusted: one that lies harms its own site.

/** For how long a worker has had nothing to do, and for how long its server keeps connections between two requests, ms. */
export interface ToldQuiet {
  readonly quietMs: number;
  /** Infinity: for ever. */
  readonly keepAliveMs: number;
}

/** Undefined where it is not to be stopped: it leaves, or says what cannot be. */
export function parseQuiet(answer: unknown): ToldQuiet | undefined {
  const [quietMs, keepAliveMs] = [fieldOf(answer, 'quietMs'), fieldOf(answer, 'keepAliveMs')];
  if (quietMs === undefined || keepAliveMs === undefined) return undefined;
  return { quietMs, keepAliveMs: keepAliveMs === 0 ? Infinity : keepAliveMs };
}

/** How many connections it has still, being ready to stand still; undefined: it is not. */
export function parseStill(answer: unknown): number | undefined {
  return fieldOf(answer, 'connectionCount');
}

function fieldOf(answer: unknown, name: string): number | undefined {
  const value: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined;
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : undefined;
}
