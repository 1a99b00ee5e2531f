// How many connections clients of one address open: a bucket for each address, which fills with time.
import { isIPv6 } from 'node:net';

interface Bucket {
  /** Connections that may come at once. */
  room: number;
  atMs: number;
}

export class AddressRates {
  /** New connections a second that an address may open, and at once. Undefined: any number. */
  limit: number | undefined;
  readonly #nowMs: () => number;
  /** The one that was used last is the last. */
  readonly #buckets = new Map<string, Bucket>();

  /** `nowMs` is replaced by tests. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Counts a connection; `addressOf` is asked only where there is a limit. A client without an address has gone. */
  refuses(addressOf: () => string): boolean {
    const { limit } = this;
    if (limit === undefined) {
      this.#buckets.clear();
      return false;
    }
    const key = networkOf(addressOf());
    if (key === '') return false;
    const nowMs = this.#nowMs();
    const { room, atMs } = this.#buckets.get(key) ?? { room: limit, atMs: nowMs };
    const now = Math.min(limit, room + ((nowMs - atMs) * limit) / 1000);
    const refused = now < 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { room: refused ? now : now - 1, atMs: nowMs });
    this.#forget(nowMs);
    return refused;
  }

  /** Those of a second ago are full again; and however many come, so many are kept. */
  #forget(nowMs: number): void {
    for (const [key, { atMs }] of this.#buckets) {
      if (nowMs - atMs < FULL_MS && this.#buckets.size <= ADDRESSES_MAX_COUNT) return;
      this.#buckets.delete(key);
    }
  }
}

/** What counts as one: an IPv4 address, or the first 64 bits of an IPv6 address, which one client has whole. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [bare = ''] = address.split('%');
  const [front = '', back] = bare.split('::');
  const groupsOf = (part: string | undefined): string[] =>
    part?.split(':').filter((group) => group !== '') ?? [];
  const [first, last] = [groupsOf(front), groupsOf(back)];
  // An IPv4 address at the end is two groups.
  const lastCount = last.length + (last.at(-1)?.includes('.') === true ? 1 : 0);
  const gap = back === undefined ? 0 : Math.max(0, 8 - first.length - lastCount);
  const groups = [...first, ...Array.from({ length: gap }, () => '0'), ...last];
  return groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

/** A bucket is full again after this, ms: it holds what comes in a second. */
const FULL_MS = 1000;
const ADDRESSES_MAX_COUNT = 100_000;
