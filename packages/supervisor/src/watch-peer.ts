// Watches whether the process at the other end of a link answers: a first answer within a limit, where one is wanted,
// then one to each ping.
import { Heartbeat } from './heartbeat.js';
import type { Os } from './os.js';

/** What is watched: a peer that answers `ping`. */
export interface Pinged {
  request(method: 'ping', params: null, options: { timeoutMs: number }): Promise<unknown>;
}

/** Options of {@link watchPeer}. */
export interface PeerWatchOptions {
  /** How long the first answer may take, ms; absent: the interval begins at once. */
  bootTimeoutMs?: number;
  /** From one ping to the next, ms; at most half of `limitMs` is used. */
  intervalMs: number;
  /** So long without an answer is too long, ms. */
  limitMs: number;
  /** Called with the result of each ping. */
  onAnswer?: (answer: unknown) => void;
  /** Called once, when it answers for the first time. */
  onAlive?: () => void;
  /** Called once, with why: it did not answer in time. A link that ends is not told here. */
  onLost: (why: string) => void;
  /** Replaced by tests. */
  os?: Os;
}

/**
 * Pings at once and until it is stopped or the peer is lost. An error that the peer answers is a sign of life, too.
 * @throws {VhostError} `ERR_SUPERVISOR_OPTION` on a number out of range.
 */
export function watchPeer(peer: Pinged, options: PeerWatchOptions): PeerWatch {
  return new PeerWatch(peer, options);
}

/** What {@link watchPeer} began. */
export class PeerWatch {
  readonly #peer: Pinged;
  readonly #options: PeerWatchOptions;
  #heartbeat: Heartbeat | undefined;
  #alive = false;
  #stopped = false;

  constructor(peer: Pinged, options: PeerWatchOptions) {
    this.#peer = peer;
    this.#options = options;
    const { bootTimeoutMs } = options;
    if (bootTimeoutMs === undefined) this.#beat();
    else void this.#boot(bootTimeoutMs);
  }

  /** Nothing is told from now on. */
  stop(): void {
    this.#stopped = true;
    this.#heartbeat?.stop();
  }

  async #boot(timeoutMs: number): Promise<void> {
    const answer = await this.#ping(timeoutMs);
    if (this.#stopped || answer === 'link lost') return;
    if (answer === 'silent') return this.#options.onLost(`no first answer within ${timeoutMs} ms`);
    // Told of its life, its owner may have enough of it.
    if (!this.#stopped) this.#beat();
  }

  #beat(): void {
    const { intervalMs, limitMs, os } = this.#options;
    this.#heartbeat = new Heartbeat({
      intervalMs: Math.min(intervalMs, Math.floor(limitMs / 2)),
      limitMs,
      sendPing: () => void this.#ping(limitMs),
      onLost: (silentMs) => this.#options.onLost(`no answer for ${Math.round(silentMs)} ms`),
      ...(os === undefined ? {} : { os }),
    });
  }

  async #ping(timeoutMs: number): Promise<'answered' | 'silent' | 'link lost'> {
    let answer: unknown;
    try {
      answer = await this.#peer.request('ping', null, { timeoutMs });
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ERR_CALL_LOST') return 'link lost';
      if (code === 'ERR_CALL_TIMEOUT' || code === 'ERR_CALL_QUEUE_FULL') return 'silent';
      this.#live();
      return 'answered';
    }
    this.#live();
    if (!this.#stopped) this.#options.onAnswer?.(answer);
    return 'answered';
  }

  #live(): void {
    this.#heartbeat?.pong();
    if (this.#alive || this.#stopped) return;
    this.#alive = true;
    this.#options.onAlive?.();
  }
}
