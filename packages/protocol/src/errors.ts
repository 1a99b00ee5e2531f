// One error class for everything that vhostd refuses: a code to branch on, a message to read, facts to log.

/** What went wrong, as a code that stays the same across releases. Each is described in docs/errors.md. */
export type ErrorCode = `ERR_${Uppercase<string>}`;

/** An error as it travels between processes: plain JSON. */
export interface WireError {
  code: string;
  message: string;
  info?: Record<string, unknown>;
  stack?: string;
}

/** Options of {@link VhostError}. */
export interface VhostErrorOptions {
  /** Facts about the failure: the value, its limit, the path within a conf. JSON values only. */
  info?: Record<string, unknown>;
  /** What made this happen. */
  cause?: unknown;
}

/** The error that vhostd's own code throws, rejects with and sends to another process. */
export class VhostError extends Error {
  override name = 'VhostError';
  readonly code: ErrorCode;
  readonly info: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: VhostErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.info = options.info ?? {};
  }
}

/** Describes any thrown value for another process; never throws itself. */
export function toWireError(thrown: unknown): WireError {
  if (thrown instanceof VhostError) {
    return withStack({ code: thrown.code, message: thrown.message, info: thrown.info }, thrown.stack);
  }
  if (thrown instanceof Error) {
    const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : 'ERR_CALL_FAILED';
    return withStack({ code, message: thrown.message }, thrown.stack);
  }
  return { code: 'ERR_CALL_FAILED', message: String(thrown) };
}

/**
 * Rebuilds an error that another process sent. What arrives is not trusted: missing or wrong fields are
 * replaced, and an unknown code is kept as it is.
 */
export function fromWireError(received: unknown): Error & { code: string } {
  const wire: Record<string, unknown> =
    typeof received === 'object' && received !== null ? { ...received } : { message: String(received) };
  const code = typeof wire['code'] === 'string' ? wire['code'] : 'ERR_CALL_FAILED';
  const message = typeof wire['message'] === 'string' ? wire['message'] : 'the other process sent no message';
  const info = wire['info'];
  const error = new VhostError(code as ErrorCode, message, {
    info: typeof info === 'object' && info !== null ? { ...info } : {},
  });
  if (typeof wire['stack'] === 'string') error.stack = wire['stack'];
  return error;
}

function withStack(wire: WireError, stack: string | undefined): WireError {
  return stack === undefined ? wire : { ...wire, stack };
}
