// One error class for everything that vhostd refuses: a code to branch on, a message to read, facts to log.
import type { ErrorCode } from './error-codes.js';

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

/**
 * Describes any thrown value for another process; never throws itself. The result is JSON of less than 1 MiB: what
 * is longer is cut, what of `info` is no JSON is left out.
 */
export function toWireError(thrown: unknown): WireError {
  try {
    if (!(thrown instanceof Error)) return { code: FAILED, message: cut(String(thrown), MESSAGE_MAX_CHARS) };
    const { message, stack }: { message: unknown; stack?: unknown } = thrown;
    const wire: WireError = { code: codeOf(thrown), message: cut(String(message), MESSAGE_MAX_CHARS) };
    if (thrown instanceof VhostError) wire.info = plainInfo(thrown.info);
    if (typeof stack === 'string') wire.stack = cut(stack, STACK_MAX_CHARS);
    return wire;
  } catch {
    // A property that throws when it is read, an object without a way to become text.
    return { code: FAILED, message: 'something was thrown that cannot be described' };
  }
}

/**
 * Rebuilds an error that another process sent. What arrives is not trusted: missing or wrong fields are
 * replaced, and an unknown code is kept as it is.
 */
export function fromWireError(received: unknown): Error & { code: string } {
  const wire: Record<string, unknown> =
    typeof received === 'object' && received !== null ? { ...received } : { message: String(received) };
  const code = typeof wire['code'] === 'string' ? wire['code'] : FAILED;
  const message = typeof wire['message'] === 'string' ? wire['message'] : 'the other process sent no message';
  const info = wire['info'];
  const error = new VhostError(code as ErrorCode, message, {
    info: typeof info === 'object' && info !== null ? { ...info } : {},
  });
  if (typeof wire['stack'] === 'string') error.stack = wire['stack'];
  return error;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? cut(error.code, CODE_MAX_CHARS) : FAILED;
}

function plainInfo(info: Record<string, unknown>): Record<string, unknown> {
  let chars = 0;
  const plain = Object.entries(info).filter(([key, value]) => {
    const text = jsonOf(value);
    if (text === undefined || chars + key.length + text.length > INFO_MAX_CHARS) return false;
    chars += key.length + text.length;
    return true;
  });
  return Object.fromEntries(plain);
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

function cut(text: string, maxChars: number): string {
  return text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
}

/** The code of what has none. */
const FAILED = 'ERR_CALL_FAILED';
const CODE_MAX_CHARS = 200;
const MESSAGE_MAX_CHARS = 16_384;
const STACK_MAX_CHARS = 32_768;
const INFO_MAX_CHARS = 65_536;
