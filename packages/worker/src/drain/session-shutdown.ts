// Ends one HTTP/2 session so that its client has no stream refused (RFC 9113 6.8). A GOAWAY refuses the streams that
// are on their way when it is sent; Node can send none that does not. So it is sent when none is on its way: the
// streams that come are held for two round trips, in which a client that waits for answers begins no more. Where the
// client can be told first, it is, and what it begins until it has heard is served.
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { getBuiltinModule } from '@vhostd/transport';
import { interceptEmit } from '../node/request-heads.js';
import { isToldFirst, sendShutdownNotice } from '../node/shutdown-notice.js';

export interface ShutdownLimits {
  /**
   * For how long no stream may have begun or ended, ms. A client takes some turns of its event loop from an answer to
   * the request that follows, and answers PINGs meanwhile.
   */
  quietMs: number;
  /** Of a client that can't be told: PINGs that it has answered since, at most one in a turn, however slow it is. */
  turnCount: number;
  /** That far away a client has had its turns, though it has answered fewer, ms. */
  turnsMs: number;
  /** How long streams are held where the client answers and never comes to rest, ms. */
  holdMs: number;
  /** How long they are held where its answers take longer than that, ms. */
  stallMs: number;
  /** How long a client that was told may take to answer, ms. */
  answerMs: number;
}

export const SHUTDOWN_LIMITS: Readonly<ShutdownLimits> = {
  quietMs: 50,
  turnCount: 8,
  turnsMs: 500,
  holdMs: 2000,
  stallMs: 4000,
  answerMs: 4000,
};

/** Lets a session end when its streams have ended; `open` has those that the site knows. */
export async function shutDownSession(
  session: ServerHttp2Session,
  open: ReadonlySet<ServerHttp2Stream>,
  limits: Readonly<ShutdownLimits>,
): Promise<void> {
  const held = new HeldStreams(session);
  const streams = (): string => `${held.count} ${openCount(open) + held.openCount}`;
  const answers = await whenQuiet(session, streams, limits);
  if (answers && sendShutdownNotice(session)) {
    held.release();
    await ping(session, limits.answerMs);
  }
  if (!session.closed && !session.destroyed) session.close();
  held.release();
}

/** Resolves when no stream has begun or ended for two round trips, or at a limit; false: the client answers nothing. */
async function whenQuiet(
  session: ServerHttp2Session,
  streams: () => string,
  { quietMs, turnCount, turnsMs, holdMs, stallMs }: Readonly<ShutdownLimits>,
): Promise<boolean> {
  const leastCount = isToldFirst(session) ? QUIET_COUNT : Math.max(QUIET_COUNT, turnCount);
  const { setTimeout: delay } = getBuiltinModule('node:timers/promises');
  const startMs = performance.now();
  let [seen, quietSinceMs, quietCount] = [streams(), startMs, 0];
  for (let answerCount = 0; ; answerCount += 1) {
    const passedMs = performance.now() - startMs;
    // Time in which nothing comes from it holds nothing up.
    if (passedMs >= holdMs && answerCount >= ANSWERS_MIN_COUNT) return true;
    if (passedMs >= stallMs || !(await ping(session, stallMs - passedMs))) return answerCount > 0;
    const now = streams();
    if (now === seen) quietCount += 1;
    else [seen, quietSinceMs, quietCount] = [now, performance.now(), 0];
    if (quietCount < QUIET_COUNT) continue;
    // Nothing may come in between: whose answer has just been sent begins another one.
    const quietForMs = performance.now() - quietSinceMs;
    if (quietForMs >= quietMs && (quietCount >= leastCount || quietForMs >= turnsMs)) return true;
    await delay(PAUSE_MS, undefined, { ref: false });
  }
}

/** Round trips: a stream may have been on its way in the first one. */
const QUIET_COUNT = 2;
/** Between PINGs to a client that is quiet, ms. */
const PAUSE_MS = 10;
/** Round trips in which a client that waits for answers comes to rest, with some to spare. */
const ANSWERS_MIN_COUNT = 4;

/** Whether the client answers a PING within a limit. */
function ping(session: ServerHttp2Session, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    if (session.closed || session.destroyed) return resolve(false);
    const timer = setTimeout(() => resolve(false), limitMs).unref();
    const isSent = session.ping((error) => {
      clearTimeout(timer);
      resolve(error === null);
    });
    if (!isSent) resolve(false);
  });
}

function openCount(streams: Iterable<ServerHttp2Stream>): number {
  let count = 0;
  for (const stream of streams) if (!stream.closed) count += 1;
  return count;
}

/** The streams of a session that have begun since, and that the site has not seen. */
class HeldStreams {
  readonly #session: ServerHttp2Session;
  readonly #restore: () => void;
  #held: [ServerHttp2Stream, ...unknown[]][] | undefined = [];

  constructor(session: ServerHttp2Session) {
    this.#session = session;
    this.#restore = interceptEmit(session, (event, args) => {
      if (event !== 'stream' || this.#held === undefined) return false;
      const [stream, ...rest] = args as [ServerHttp2Stream, ...unknown[]];
      // A client that gives a stream up meanwhile is no error of anybody's.
      stream.on('error', ignore);
      this.#held.push([stream, ...rest]);
      return true;
    });
  }

  get count(): number {
    return this.#held?.length ?? 0;
  }

  get openCount(): number {
    return openCount((this.#held ?? []).map(([stream]) => stream));
  }

  /** Gives the site what has been held, and holds no more. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    this.#restore();
    for (const [stream, ...rest] of held) {
      stream.removeListener('error', ignore);
      if (!stream.closed && !stream.destroyed)
        this.#session.emit('stream', stream, ...(rest as [never, never]));
    }
  }
}

function ignore(): void {
  // Nobody has seen the stream.
}
