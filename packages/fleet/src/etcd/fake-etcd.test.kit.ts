// A store that answers as the JSON gateway of etcd does, as far as it is asked here: leases that end, transactions,
// ranges in pages, watches with a history that can be compacted, users, and the ways in which a member fails.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

interface Stored {
  value: string;
  revision: number;
  lease: string | undefined;
}

interface Happened {
  revision: number;
  key: string;
  value: string | undefined;
}

interface Watcher {
  from: string;
  end: string;
  response: ServerResponse;
}

export class FakeEtcd {
  readonly keys: Map<string, Stored> = new Map();
  readonly leases: Map<string, { ttl: number }> = new Map();
  /** Paths of the requests so far. */
  readonly asked: string[] = [];
  /** Transactions so far, and the bytes that watches were sent. */
  readonly sums = { transactions: 0, changes: 0, watchBytes: 0 };
  /** It takes requests and answers none. */
  hangs = false;
  /** Watches are told nothing. */
  isMute = false;
  /** A user that must be named, with the password. */
  user: { name: string; password: string } | undefined;
  revision = 1;
  #compacted = 0;
  /** All keys in their order, at a revision. */
  #sorted: { revision: number; entries: [string, Stored][] } | undefined;
  #history: Happened[] = [];
  readonly #watchers = new Set<Watcher>();
  readonly #tokens = new Set<string>();
  #nextId = 1000;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#take(request, response));
    // As etcd: a connection that nobody uses stays.
    this.#server.keepAliveTimeout = 0;
  }

  static async start(t: Pick<TestContext, 'after'>): Promise<FakeEtcd> {
    const fake = new FakeEtcd();
    await new Promise<void>((resolve) => fake.#server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      fake.#server.closeAllConnections();
      fake.#server.close();
    });
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The keys and their values. */
  get values(): Record<string, string> {
    return Object.fromEntries([...this.keys].map(([key, { value }]) => [key, value]));
  }

  /** The same, decoded from JSON. */
  get records(): Record<string, unknown> {
    return Object.fromEntries([...this.keys].map(([key, { value }]) => [key, JSON.parse(value) as unknown]));
  }

  /** Ends a lease, as its time does. */
  expire(lease: string): void {
    this.leases.delete(lease);
    const held = [...this.keys].filter(([, stored]) => stored.lease === lease).map(([key]) => key);
    if (held.length > 0) this.write(held.map((key) => ({ key })));
  }

  /** Ends each lease. */
  expireAll(): void {
    for (const lease of this.leases.keys()) this.expire(lease);
  }

  /** Another store with nothing in it has its place. */
  empty(): void {
    this.keys.clear();
    this.leases.clear();
    this.#history = [];
    this.#sorted = undefined;
    this.#compacted = 0;
    this.revision = 1;
    this.cutWatches();
  }

  /** Forgets what happened up to now; watches that are behind are told so. */
  compact(): void {
    this.#compacted = this.revision;
    this.#history = [];
  }

  cutWatches(): void {
    for (const { response } of this.#watchers) response.destroy();
    this.#watchers.clear();
  }

  /** One transaction. */
  write(changes: readonly { key: string; value?: string; lease?: string | undefined }[]): void {
    this.revision += 1;
    const happened: Happened[] = [];
    for (const { key, value, lease } of changes) {
      if (value === undefined && !this.keys.delete(key)) continue;
      if (value !== undefined) this.keys.set(key, { value, lease, revision: this.revision });
      happened.push({ revision: this.revision, key, value });
    }
    this.#history.push(...happened);
    this.sums.transactions += 1;
    this.sums.changes += changes.length;
    for (const watcher of this.#watchers) this.#tell(watcher, happened);
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const path = request.url ?? '';
    this.asked.push(path);
    if (this.hangs) return;
    try {
      const body = JSON.parse(text) as Record<string, unknown>;
      if (path === '/v3/watch') return this.#watch(body, response);
      const answer = this.#answer(path, body, request.headers.authorization);
      response.end(`${JSON.stringify(answer)}\n`);
    } catch (error) {
      const { code = 3, message } = Object(error) as { code?: number; message: string };
      response.writeHead(code === 16 ? 401 : 400).end(JSON.stringify({ error: message, message, code }));
    }
  }

  #answer(path: string, body: Record<string, unknown>, token: string | undefined): unknown {
    const header = { revision: String(this.revision) };
    if (path === '/v3/auth/authenticate') return { header, token: this.#authenticate(body) };
    if (this.user !== undefined && !this.#tokens.has(token ?? '')) {
      throw Object.assign(new Error('etcdserver: invalid auth token'), { code: 16 });
    }
    const id = String(body['ID']);
    switch (path) {
      case '/v3/maintenance/status':
        return { header, version: '3.4.23' };
      case '/v3/lease/grant': {
        const granted = String((this.#nextId += 1));
        this.leases.set(granted, { ttl: Number(body['TTL']) });
        return { header, ID: granted, TTL: body['TTL'] };
      }
      case '/v3/lease/keepalive': {
        const lease = this.leases.get(id);
        return { result: { header, ID: id, ...(lease === undefined ? {} : { TTL: String(lease.ttl) }) } };
      }
      case '/v3/lease/revoke':
        if (!this.leases.has(id)) throw Object.assign(new Error('requested lease not found'), { code: 5 });
        this.expire(id);
        return { header };
      case '/v3/lease/timetolive': {
        const keys = [...this.keys].filter(([, stored]) => stored.lease === id).map(([key]) => base64(key));
        return {
          header,
          ID: id,
          TTL: this.leases.has(id) ? '10' : '-1',
          ...(keys.length > 0 ? { keys } : {}),
        };
      }
      case '/v3/kv/range':
        return this.#range(body);
      case '/v3/kv/txn':
        return this.#transaction(body);
      default:
        throw new Error(`there is no ${path}`);
    }
  }

  /** Tokens so far are good no more. */
  forgetTokens(): void {
    this.#tokens.clear();
  }

  #authenticate({ name, password }: Record<string, unknown>): string {
    if (name !== this.user?.name || password !== this.user?.password)
      throw new Error('authentication failed');
    const token = `token.${(this.#nextId += 1)}`;
    this.#tokens.add(token);
    return token;
  }

  #range({
    key,
    range_end: end,
    limit,
    min_mod_revision: least = 0,
    revision: asked = this.revision,
  }: Record<string, unknown>): unknown {
    if (Number(asked) < this.#compacted || Number(asked) > this.revision) {
      throw Object.assign(new Error('etcdserver: mvcc: required revision has been compacted'), { code: 11 });
    }
    const from = text64(key);
    if (end === undefined) return this.#answerRange(this.#entryOf(from), false);
    const to = text64(end);
    if (this.#sorted?.revision !== this.revision) {
      const entries = [...this.keys].toSorted(([a], [b]) => (a < b ? -1 : 1));
      this.#sorted = { revision: this.revision, entries };
    }
    const { entries } = this.#sorted;
    const page: [string, Stored][] = [];
    const max = limit === undefined ? Number.POSITIVE_INFINITY : Number(limit);
    let at = firstFrom(entries, from);
    for (let entry = entries[at]; entry !== undefined && entry[0] < to; entry = entries[(at += 1)]) {
      if (entry[1].revision < Number(least)) continue;
      if (page.length === max) return this.#answerRange(page, true);
      page.push(entry);
    }
    return this.#answerRange(page, false);
  }

  #entryOf(key: string): [string, Stored][] {
    const stored = this.keys.get(key);
    return stored === undefined ? [] : [[key, stored]];
  }

  #answerRange(page: readonly [string, Stored][], more: boolean): unknown {
    const kvs = page.map(([key, { value }]) => ({ key: base64(key), value: base64(value) }));
    return {
      header: { revision: String(this.revision) },
      ...(kvs.length > 0 ? { kvs } : {}),
      ...(more ? { more } : {}),
    };
  }

  #transaction({ compare = [], success }: Record<string, unknown>): unknown {
    const header = (): unknown => ({ revision: String(this.revision) });
    if (!(compare as Record<string, unknown>[]).every((one) => this.#isEmpty(one)))
      return { header: header() };
    const operations = success as Record<string, Record<string, unknown>>[];
    if (operations.length > 128) throw new Error('etcdserver: too many operations in txn request');
    const changes = operations.map(({ requestPut, requestDeleteRange }) => {
      if (requestPut === undefined) return { key: text64(requestDeleteRange?.['key']) };
      const lease = requestPut['lease'] as string | undefined;
      if (lease !== undefined && !this.leases.has(lease)) {
        throw Object.assign(new Error('etcdserver: requested lease not found'), { code: 5 });
      }
      return { key: text64(requestPut['key']), value: text64(requestPut['value']), lease };
    });
    this.write(changes);
    return { header: header(), succeeded: true };
  }

  /** The one comparison that is known: nothing of a range has been created. */
  #isEmpty({
    key,
    range_end: end,
    target,
    result,
    create_revision: created,
  }: Record<string, unknown>): boolean {
    if (target !== 'CREATE' || result !== 'EQUAL' || created !== '0') throw new Error('unknown comparison');
    const [from, to] = [text64(key), text64(end)];
    return ![...this.keys.keys()].some((one) => one >= from && one < to);
  }

  #watch({ create_request: asked }: Record<string, unknown>, response: ServerResponse): void {
    const { key, range_end: end, start_revision: start } = asked as Record<string, unknown>;
    const watcher = { from: text64(key), end: text64(end), response };
    const header = { revision: String(this.revision) };
    response.write(`${JSON.stringify({ result: { header, created: true } })}\n`);
    if (Number(start) <= this.#compacted) {
      const cancelled = { canceled: true, compact_revision: String(this.#compacted) };
      response.end(`${JSON.stringify({ result: { header, ...cancelled } })}\n`);
      return;
    }
    this.#watchers.add(watcher);
    response.on('close', () => this.#watchers.delete(watcher));
    this.#tell(
      watcher,
      this.#history.filter(({ revision }) => revision >= Number(start)),
    );
  }

  #tell({ from, end, response }: Watcher, happened: readonly Happened[]): void {
    const events = happened
      .filter(({ key }) => key >= from && key < end)
      .map(({ revision, key, value }) => {
        const kv = { key: base64(key), mod_revision: String(revision) };
        return value === undefined ? { type: 'DELETE', kv } : { kv: { ...kv, value: base64(value) } };
      });
    if (events.length === 0 || this.isMute) return;
    const line = `${JSON.stringify({ result: { header: { revision: String(this.revision) }, events } })}\n`;
    this.sums.watchBytes += line.length;
    response.write(line);
  }
}

/** Index of the first one that is not before a key. */
function firstFrom(entries: readonly (readonly [string, unknown])[], key: string): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle]?.[0] ?? '') < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function text64(value: unknown): string {
  return Buffer.from(String(value), 'base64').toString();
}
