// The connections whose first bytes are being read: bounded in bytes, number and time.
import { LazyTcp } from '@vhostd/transport';
import type { NativeHandle } from '@vhostd/transport';
import type { Limits } from '../conf/site-conf.js';
import { readRaw, remoteAddressOf, stopRaw } from '../node/raw-accept.js';
import { batchUse } from '../node/batch-use.js';
import { ImmediateReader } from '../node/read-now.js';
import { FirstBytes } from '../peek/first-bytes.js';
import { ProxiedBytes } from '../peek/proxied-bytes.js';
import type { CutFault, RefusalReason } from '../peek/refusal-reason.js';
import type { Route, Verdict } from '../peek/verdict.js';
import type { Connection } from './connection.js';
import { sealEnds } from './proxied-ends.js';
import type { ProxiedEnds } from './proxied-ends.js';
import type { AddressTerms } from './address-terms.js';
import type { Listener } from '../listeners/listener.js';

/** Why a connection is not routed, and the bytes that were read from it. */
export interface PeekRefusal {
  readonly reason: RefusalReason;
  readonly head: Buffer;
}

/** Where a peeked connection goes. Whoever is called owns its handle. */
export interface PeekOutcome {
  onRouted(connection: Connection, route: Route): void;
  onRefused(handle: NativeHandle, listener: Listener, refusal: PeekRefusal): void;
  /** Called again and again while any connection is peeked. */
  onSweep(): void;
}

interface Peeked {
  readonly handle: NativeHandle;
  readonly listener: Listener;
  readonly reader: FirstBytes | ProxiedBytes;
  /** A worker has served it before. */
  readonly handedBack: boolean;
  /** Of one that comes back. */
  readonly proxied: ProxiedEnds | undefined;
  readonly sinceMs: number;
  readonly deadlineMs: number;
  readonly chunks: Buffer[];
  /** What has come of it. */
  bytes: number;
}

export class Peeking {
  readonly #terms: AddressTerms;
  readonly #outcome: PeekOutcome;
  readonly #immediate = new ImmediateReader();
  /** In the order in which they came. */
  readonly #open = new Set<Peeked>();
  #limits: Limits;
  /** What has come of all of them. */
  #bytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(limits: Limits, terms: AddressTerms, outcome: PeekOutcome) {
    this.#limits = limits;
    this.#terms = terms;
    this.#outcome = outcome;
  }

  /** Connections being peeked now. */
  get count(): number {
    return this.#open.size;
  }

  /** Whether any has come within so many ms. */
  hasYounger(ms: number): boolean {
    const newest = [...this.#open].at(-1);
    return newest !== undefined && performance.now() - newest.sinceMs < ms;
  }

  /** For connections that come from now on. */
  setLimits(limits: Limits): void {
    this.#limits = limits;
  }

  /** Gives up the one that has taken longest, `minMs` at least. False: there is none. */
  evictOldest(minMs = 0): boolean {
    const [oldest] = this.#open;
    if (oldest === undefined || performance.now() - oldest.sinceMs < minMs) return false;
    this.#giveUp([oldest], 'peek-full');
    return true;
  }

  /** Begins to read a connection. With too many open, the one that has taken longest is given up. */
  add(handle: NativeHandle, listener: Listener): void {
    const begun: Begun = {
      handle,
      listener,
      reader: this.#readerFor(handle, listener),
      handedBack: false,
      proxied: undefined,
    };
    const look = this.#lookAt(begun);
    if (look === 'routed') return;
    if (look === 'nothing') return this.#wait(begun, []);
    this.#read(begun);
  }

  /** Reads at once what is there. */
  #read(begun: Begun): void {
    const { handle } = begun;
    const bytes = this.#immediate.read(handle);
    if (bytes === 'end') return handle.close();
    if (bytes === 'nothing') return this.#wait(begun, []);
    const verdict = begun.reader.push(bytes);
    if (verdict.kind !== 'more') return this.#settle(begun, bytes, verdict);
    this.#wait(begun, [Buffer.from(bytes)]);
  }

  /**
   * Routes a connection by what it has sent, which its worker reads. `read`: it is to be read here, since its head is not
   * whole, has to be changed or refused, or begins something that goes to a worker with its first bytes.
   */
  #lookAt({ handle, listener }: Begun, beforeRouted?: () => void): 'routed' | 'nothing' | 'read' {
    const { calls } = batchUse;
    const { key, secure, address } = listener;
    if (calls === undefined || secure || this.#terms.proxySources.any(key)) return 'read';
    const bytes = calls.peek(handle.fd);
    if (typeof bytes === 'string') return bytes === 'nothing' ? bytes : 'read';
    const verdict = new FirstBytes(address.type, this.#limits).push(bytes);
    if (verdict.kind !== 'route' || verdict.protocol !== 'http1' || verdict.edit !== null) return 'read';
    const { host } = verdict;
    const head = bytes.toString('latin1');
    const connection = { handle, listener, head, unread: true, host, secure: false, handedBack: false };
    beforeRouted?.();
    this.#outcome.onRouted(connection, verdict);
    return 'routed';
  }

  /** {@link add} for a connection that a worker has had, with what it has read and not parsed. */
  resume(returned: Pick<Connection, 'handle' | 'proxied'>, listener: Listener, bytes: Buffer): void {
    const reader = new FirstBytes(listener.address.type, this.#limits);
    const { handle, proxied } = returned;
    const begun: Begun = { handle, listener, reader, handedBack: true, proxied };
    const verdict = reader.push(bytes);
    if (verdict.kind !== 'more') return this.#settle(begun, bytes, verdict);
    this.#wait(begun, [bytes]);
  }

  #readerFor(handle: NativeHandle, listener: Listener): FirstBytes | ProxiedBytes {
    const reader = new FirstBytes(listener.address.type, this.#limits);
    const { key } = listener;
    const { proxySources } = this.#terms;
    if (!proxySources.any(key)) return reader;
    const address = remoteAddressOf(handle);
    // A balancer that looks whether somebody listens may have reset its connection by now: then it has no address.
    return address === '' || proxySources.includes(key, address) ? new ProxiedBytes(reader) : reader;
  }

  /** Reads on as bytes come, behind those that are there. */
  #wait(begun: Begun, chunks: Buffer[]): void {
    const limits = this.#limits;
    const sinceMs = performance.now();
    const deadlineMs = sinceMs + (this.#terms.headTimeoutMs(begun.listener.key) ?? limits.headTimeoutMs);
    const peeked: Peeked = { ...begun, sinceMs, deadlineMs, chunks, bytes: 0 };
    if (this.#open.size >= limits.peekMaxCount) this.evictOldest();
    this.#open.add(peeked);
    for (const { length } of chunks) this.#grow(peeked, length);
    // It may be the one that had to leave for that.
    if (!this.#open.has(peeked)) return;
    this.#schedule();
    const { handle } = peeked;
    const looks = chunks.length === 0 && batchUse.calls !== undefined && handle instanceof LazyTcp;
    if (!looks || !handle.whenReadable(() => this.#onReadable(peeked))) this.#readOn(peeked);
  }

  /** Something has come, and nothing was read. */
  #onReadable(peeked: Peeked): void {
    if (!this.#open.has(peeked)) return;
    if (this.#lookAt(peeked, () => this.#remove(peeked)) !== 'routed') this.#readOn(peeked);
  }

  #readOn(peeked: Peeked): void {
    const reading = readRaw(
      peeked.handle,
      (chunk) => this.#onChunk(peeked, chunk),
      () => this.#onEnd(peeked),
    );
    if (!reading) this.#onEnd(peeked);
  }

  /** Gives up what is still being read. */
  close(): void {
    clearTimeout(this.#sweep);
    this.#sweep = undefined;
    this.#giveUp([...this.#open], 'site-stopped');
  }

  /** Counts bytes that have come; whatever is more than all together may have is the oldest ones'. */
  #grow(peeked: Peeked, bytes: number): void {
    peeked.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#limits.peekMaxBytes) if (!this.evictOldest()) return;
  }

  /** Takes one off the list; false: it was not on it any more. */
  #remove(peeked: Peeked): boolean {
    if (!this.#open.delete(peeked)) return false;
    this.#bytes -= peeked.bytes;
    return true;
  }

  #onChunk(peeked: Peeked, chunk: Buffer): boolean {
    gather(peeked.chunks, chunk);
    const verdict = peeked.reader.push(chunk);
    if (verdict.kind === 'more') {
      this.#grow(peeked, chunk.length);
      // It may have been the oldest.
      return this.#open.has(peeked);
    }
    this.#remove(peeked);
    // The handle is stopped when this returns; only then may anyone else touch it.
    queueMicrotask(() => {
      this.#settle(peeked, bytesOf(peeked), verdict);
    });
    return false;
  }

  #settle(begun: Begun, read: Buffer, verdict: Exclude<Verdict, { kind: 'more' }>): void {
    const { handle, listener, handedBack, reader } = begun;
    const bytes = ownBytes(reader, read);
    if (verdict.kind === 'reject') {
      return this.#outcome.onRefused(handle, listener, { reason: verdict.reason, head: bytes });
    }
    const { host, edit, protocol } = verdict;
    const head = bytes.toString('latin1');
    const connection: Connection = {
      handle,
      listener,
      head: edit === null ? head : head.slice(0, edit.from) + edit.text + head.slice(edit.to),
      host,
      secure: protocol === 'tls',
      handedBack,
      proxied: reader instanceof ProxiedBytes ? endsOf(handle, reader) : begun.proxied,
    };
    this.#outcome.onRouted(connection, verdict);
  }

  /** The client left, or will send no more, before its head was whole. */
  #onEnd(peeked: Peeked): void {
    if (!this.#remove(peeked)) return;
    const { handle, listener, reader } = peeked;
    const head = ownBytes(reader, bytesOf(peeked));
    // Balancers look in this way whether somebody listens.
    if (head.length === 0) return handle.close();
    this.#outcome.onRefused(handle, listener, { reason: cutReason(reader, 'head-cut'), head });
  }

  #schedule(): void {
    if (this.#sweep !== undefined) return;
    // Behind what can be read in the same turn: a client is not late because this process was kept from running.
    this.#sweep = setTimeout(() => setImmediate(() => this.#endLate()), SWEEP_MS);
    this.#sweep.unref();
  }

  #endLate(): void {
    this.#sweep = undefined;
    const nowMs = performance.now();
    const late = [...this.#open].filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#giveUp(late, 'head-timeout');
    this.#outcome.onSweep();
    if (this.#open.size > 0) this.#schedule();
  }

  /** Nothing is wrong with a client that has said nothing: browsers connect before they have anything to ask. */
  #giveUp(late: readonly Peeked[], why: CutFault | 'site-stopped'): void {
    for (const peeked of late) {
      this.#remove(peeked);
      const { handle, listener, reader } = peeked;
      stopRaw(handle);
      const head = ownBytes(reader, bytesOf(peeked));
      const reason = head.length === 0 ? 'silent' : cutReason(reader, why);
      this.#outcome.onRefused(handle, listener, { reason, head });
    }
  }
}

type Begun = Omit<Peeked, 'sinceMs' | 'deadlineMs' | 'chunks' | 'bytes'>;

/** What the client has sent, or the beginning of a header that is not whole. */
function ownBytes(reader: FirstBytes | ProxiedBytes, bytes: Buffer): Buffer {
  return reader instanceof ProxiedBytes ? bytes.subarray(reader.header?.length ?? 0) : bytes;
}

function endsOf(handle: NativeHandle, { header }: ProxiedBytes): ProxiedEnds | undefined {
  return header?.ends === undefined ? undefined : sealEnds(handle, header.ends);
}

function cutReason(reader: FirstBytes | ProxiedBytes, why: CutFault | 'site-stopped'): RefusalReason {
  return reader instanceof ProxiedBytes && reader.header === undefined ? 'proxy-header-cut' : why;
}

/** How exact the time limit is, ms. */
const SWEEP_MS = 250;

function bytesOf({ chunks }: Peeked): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
}

/** Few chunks, each larger than the next, however small the pieces are in which a client sends. */
function gather(chunks: Buffer[], chunk: Buffer): void {
  let last = chunk;
  for (
    let before = chunks.at(-1);
    before !== undefined && before.length <= last.length;
    before = chunks.at(-1)
  ) {
    chunks.pop();
    last = Buffer.concat([before, last]);
  }
  chunks.push(last);
}
