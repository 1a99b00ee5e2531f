// What this package needs of etcd (3.4 and later), over its JSON gateway: several members, authentication, leases,
// transactions, ranges, watches. 64-bit numbers stay texts, as the gateway has them.
import { z } from '@vhostd/protocol/schemas';
import { EtcdHttp, EtcdRefusal } from './etcd-http.js';
import type { TlsFiles } from './etcd-http.js';

/** Where the store is, and who asks. */
export interface EtcdOptions extends TlsFiles {
  readonly endpoints: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** Limit of a request to one member, ms. Default 2000. */
  readonly timeoutMs?: number;
}

/** A key with its value; of a deletion the key alone. */
export interface Change {
  readonly key: string;
  readonly value?: string;
}

/** What a watch tells. */
export type WatchMessage =
  | {
      readonly kind: 'changes';
      /** All that happened up to it has been told. */
      readonly revision: string;
      readonly changes: readonly Change[];
    }
  /** What was asked for is gone: range again. */
  | { readonly kind: 'cancelled' };

export class EtcdClient {
  readonly #options: EtcdOptions;
  readonly #http: EtcdHttp;
  #current = 0;
  #token: string | undefined;

  /** @throws {Error} a file of TLS can't be read. */
  constructor(options: EtcdOptions) {
    this.#options = options;
    this.#http = new EtcdHttp(options);
  }

  /** The member that is asked first. */
  get endpoint(): string {
    return this.#options.endpoints[this.#current] ?? '';
  }

  close(): void {
    this.#http.close();
  }

  async grant(ttlS: number): Promise<string> {
    return decoded(leased, await this.#post('/v3/lease/grant', { TTL: String(ttlS) })).ID;
  }

  /** False: there is no such lease any more. */
  async keepAlive(lease: string): Promise<boolean> {
    const { result } = decoded(kept, await this.#post('/v3/lease/keepalive', { ID: lease }));
    return Number(result.TTL ?? 0) > 0;
  }

  /** Ends a lease, and all keys that it holds. One that is not there has ended. */
  async revoke(lease: string): Promise<void> {
    try {
      await this.#post('/v3/lease/revoke', { ID: lease });
    } catch (error) {
      if (!isGone(error)) throw error;
    }
  }

  /** The keys that a lease holds; none where it has ended. */
  async keysOf(lease: string): Promise<string[]> {
    const answer = await this.#post('/v3/lease/timetolive', { ID: lease, keys: true });
    return decoded(holding, answer).keys.map(fromBase64);
  }

  /** Makes all changes at once; gives the revision behind them. At most {@link MAX_CHANGE_COUNT}. */
  async commit(changes: readonly Change[], lease: string | undefined): Promise<string> {
    const success = changes.map(({ key, value }) =>
      value === undefined
        ? { requestDeleteRange: { key: toBase64(key) } }
        : {
            requestPut: {
              key: toBase64(key),
              value: toBase64(value),
              ...(lease === undefined ? {} : { lease }),
            },
          },
    );
    return decoded(headed, await this.#post('/v3/kv/txn', { success })).header.revision;
  }

  /** Removes keys, unless there is one that begins with a prefix. At most {@link MAX_CHANGE_COUNT}. */
  async removeUnless(prefix: string, keys: readonly string[]): Promise<void> {
    const range = { key: toBase64(prefix), range_end: toBase64(endOf(prefix)) };
    // A key that is there was created behind revision 0.
    const compare = [{ ...range, target: 'CREATE', result: 'EQUAL', create_revision: '0' }];
    const success = keys.map((key) => ({ requestDeleteRange: { key: toBase64(key) } }));
    await this.#post('/v3/kv/txn', { compare, success });
  }

  async get(key: string): Promise<string | undefined> {
    const { kvs } = decoded(ranged, await this.#post('/v3/kv/range', { key: toBase64(key) }));
    const [found] = kvs;
    return found === undefined ? undefined : fromBase64(found.value);
  }

  /** All keys that begin with a prefix, in pages of one revision. */
  async range(prefix: string): Promise<{ revision: string; entries: Map<string, string> }> {
    const entries = new Map<string, string>();
    const end = toBase64(endOf(prefix));
    let from = prefix;
    let revision: string | undefined;
    for (;;) {
      const pinned = revision === undefined ? {} : { revision };
      const query = { key: toBase64(from), range_end: end, limit: String(PAGE_COUNT), ...pinned };
      const { header, kvs, more } = decoded(ranged, await this.#post('/v3/kv/range', query));
      revision ??= header.revision;
      for (const { key, value } of kvs) entries.set(fromBase64(key), fromBase64(value));
      const last = kvs.at(-1);
      if (!more || last === undefined) return { revision, entries };
      from = `${fromBase64(last.key)}\0`;
    }
  }

  /** Whether a key that begins with a prefix has been written behind a revision. */
  async isWrittenSince(prefix: string, revision: string): Promise<boolean> {
    const { kvs } = decoded(
      ranged,
      await this.#post('/v3/kv/range', {
        key: toBase64(prefix),
        range_end: toBase64(endOf(prefix)),
        min_mod_revision: String(BigInt(revision) + 1n),
        limit: '1',
        keys_only: true,
      }),
    );
    return kvs.length > 0;
  }

  /** Whether the store has no revision any more, as it was compacted, or yet, as it is another one. */
  async isForgotten(prefix: string, revision: string): Promise<boolean> {
    try {
      await this.#post('/v3/kv/range', { key: toBase64(prefix), revision, limit: '1', keys_only: true });
      return false;
    } catch (error) {
      if (error instanceof EtcdRefusal && error.code === OUT_OF_RANGE) return true;
      throw error;
    }
  }

  /** What happens to keys of a prefix behind a revision, until the signal aborts, or the connection fails. */
  async *watch(prefix: string, revision: string, signal: AbortSignal): AsyncGenerator<WatchMessage> {
    const create = {
      key: toBase64(prefix),
      range_end: toBase64(endOf(prefix)),
      start_revision: String(BigInt(revision) + 1n),
      progress_notify: true,
    };
    const url = `${this.endpoint}/v3/watch`;
    const token = await this.#authenticate();
    const messages = this.#http.stream({ url, body: { create_request: create }, token, signal });
    for await (const message of messages) {
      const { result } = decoded(watched, message);
      if (result.canceled) {
        yield { kind: 'cancelled' };
        return;
      }
      const changes = result.events.map(({ type, kv }): Change => {
        const key = fromBase64(kv.key);
        return type === 'DELETE' ? { key } : { key, value: fromBase64(kv.value) };
      });
      // The header's is that of the store, also where events up to it are in messages to come.
      const told = result.events.at(-1)?.kv.mod_revision ?? result.header.revision;
      yield { kind: 'changes', revision: told, changes };
    }
  }

  /** Asks the next member: this one answers nothing, or what a client of its own hangs at. */
  next(): void {
    this.#current = (this.#current + 1) % this.#options.endpoints.length;
    // Simple tokens are those of one member.
    this.#token = undefined;
  }

  /** Asks one member after the other until one answers. @throws {EtcdRefusal}, or why the last one did not. */
  async #post(path: string, body: object): Promise<unknown> {
    let failure: unknown;
    for (let left = this.#options.endpoints.length; left > 0; left -= 1) {
      try {
        return await this.#ask(path, body);
      } catch (error) {
        if (error instanceof EtcdRefusal && error.code !== UNAVAILABLE) throw error;
        failure = error;
        this.next();
      }
    }
    throw failure;
  }

  async #ask(path: string, body: object): Promise<unknown> {
    const url = `${this.endpoint}${path}`;
    const token = await this.#authenticate();
    try {
      return await this.#http.post({ url, body, token, signal: this.#limit() });
    } catch (error) {
      const isExpired = error instanceof EtcdRefusal && error.code === UNAUTHENTICATED;
      if (!isExpired || token === undefined) throw error;
      this.#token = undefined;
      return await this.#http.post({ url, body, token: await this.#authenticate(), signal: this.#limit() });
    }
  }

  async #authenticate(): Promise<string | undefined> {
    const { user, password } = this.#options;
    if (user === undefined || this.#token !== undefined) return this.#token;
    const url = `${this.endpoint}/v3/auth/authenticate`;
    const body = { name: user, password: password ?? '' };
    const answer = await this.#http.post({ url, body, token: undefined, signal: this.#limit() });
    this.#token = decoded(authenticated, answer).token;
    return this.#token;
  }

  #limit(): AbortSignal {
    return AbortSignal.timeout(this.#options.timeoutMs ?? TIMEOUT_MS);
  }
}

/** Whether a request was refused because the lease that it named has ended. */
export function isGone(error: unknown): boolean {
  return error instanceof EtcdRefusal && error.code === NOT_FOUND;
}

/** Operations that etcd takes in one transaction, unless it is told otherwise. */
export const MAX_CHANGE_COUNT = 128;

/** The first key behind all that begin with a prefix. */
function endOf(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString();
}

function decoded<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.infer<Schema> {
  const { success, data, error } = schema.safeParse(answer);
  if (success) return data;
  throw new Error(`this is no etcd: ${error.issues[0]?.path.join('.')}: ${error.issues[0]?.message}`);
}

const number = z.string().regex(/^\d{1,20}$/);
const header = z.object({ revision: number.default('0') });
const headed = z.object({ header });
const leased = z.object({ ID: number });
const kept = z.object({ result: z.object({ TTL: z.string().optional() }) });
const holding = z.object({ keys: z.array(z.string()).default([]) });
const pair = z.object({ key: z.string(), value: z.string().default('') });
const ranged = z.object({ header, kvs: z.array(pair).default([]), more: z.boolean().default(false) });
const event = z.object({ type: z.string().default('PUT'), kv: pair.extend({ mod_revision: number }) });
const watched = z.object({
  result: z.object({ header, canceled: z.boolean().default(false), events: z.array(event).default([]) }),
});
const authenticated = z.object({ token: z.string() });

const TIMEOUT_MS = 2000;
const PAGE_COUNT = 5000;
const NOT_FOUND = 5;
const OUT_OF_RANGE = 11;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;
