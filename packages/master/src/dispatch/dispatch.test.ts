import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Connection } from '../ingress/connection.js';
import { parseSite } from '../conf/parse-conf.js';
import { Dispatch } from './dispatch.js';

/** Workers and a site made of notes. */
class Bench {
  readonly log: string[] = [];
  /** How many connections each worker still takes. */
  readonly room: Record<string, number> = {};
  hopeless = false;
  /** Hosts of connections that the site deals with when no worker can take them. */
  readonly answered = new Set<string>();
  readonly dispatch: Dispatch;

  constructor(conf: Record<string, unknown> = {}) {
    this.dispatch = new Dispatch(parseSite({ path: '/a', ...conf }, { baseDir: '/' }), {
      takers: () =>
        Object.keys(this.room).map((id, slot) => ({
          id,
          slot,
          connectionCount: 0,
          available: (this.room[id] ?? 0) > 0,
          give: (connection: Connection) => this.#give(id, connection),
        })),
      hopeless: () => this.hopeless,
      answering: () => false,
      onStranded: ({ host }) => {
        this.log.push(`stranded ${host}`);
        return this.answered.has(host ?? '');
      },
      giveUp: ({ host }) => void this.log.push(`up ${host}`),
    });
  }

  serve(...hosts: string[]): void {
    for (const host of hosts) this.dispatch.serve(from(host));
  }

  #give(id: string, { host }: Connection): boolean {
    const room = this.room[id] ?? 0;
    if (room === 0) return false;
    this.room[id] = room - 1;
    this.log.push(`${id} ${host}`);
    return true;
  }
}

function from(host: string): Connection {
  return { host } as unknown as Connection;
}

test('while paused new connections are held, whether there are workers or not, and then handed over in order', () => {
  const bench = new Bench();
  bench.room['w'] = 10;
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b', 'c');
  bench.dispatch.flush();
  assert.deepEqual([bench.log, bench.dispatch.parkedCount, bench.dispatch.paused], [[], 3, true]);
  // One that a worker had and handed back is not new.
  bench.dispatch.serveKept(from('kept'));
  assert.equal(bench.dispatch.resume(), 3);
  bench.serve('d');
  assert.deepEqual(bench.log, ['w kept', 'w a', 'w b', 'w c', 'w d']);
  assert.deepEqual([bench.dispatch.parkedCount, bench.dispatch.paused], [0, false]);
});

test('more than may be held are given up', () => {
  const bench = new Bench({ parkMaxCount: 2 });
  bench.room['w'] = 10;
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b', 'c');
  assert.deepEqual(bench.log, ['up c']);
  bench.dispatch.resume();
  assert.deepEqual(bench.log, ['up c', 'w a', 'w b']);
});

test('what is held for too long is given up, in order; the pause goes on', async () => {
  const bench = new Bench();
  bench.room['w'] = 10;
  bench.dispatch.pause(20);
  bench.serve('a', 'b');
  while (bench.log.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  bench.serve('c');
  assert.deepEqual(bench.log, ['up a', 'up b']);
  assert.equal(bench.dispatch.resume(), 1);
});

test('a pause whose site has no workers ends with what was held waiting for one', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a', 'b');
  bench.dispatch.resume();
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['stranded a', 'stranded b'], 2]);
  bench.room['w'] = 10;
  bench.dispatch.flush();
  assert.deepEqual(bench.log.slice(2), ['w a', 'w b']);
});

test('a pause whose site has been given up ends with what was held being given up', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a');
  bench.hopeless = true;
  bench.dispatch.resume();
  assert.deepEqual(bench.log, ['stranded a', 'up a']);
});

test('a site that stops gives up what is held, and holds nothing more', () => {
  const bench = new Bench();
  bench.dispatch.pause(60_000);
  bench.serve('a');
  bench.hopeless = true;
  bench.dispatch.close();
  bench.serve('b');
  assert.deepEqual(bench.log, ['up a', 'stranded b', 'up b']);
});

test('a site may deal with what no worker can take, then and when it is looked at again', () => {
  const bench = new Bench();
  bench.answered.add('b');
  bench.serve('a', 'b');
  assert.deepEqual([bench.log, bench.dispatch.parkedCount], [['stranded a', 'stranded b'], 1]);
  bench.answered.add('a');
  bench.dispatch.review();
  assert.deepEqual([bench.log.slice(2), bench.dispatch.parkedCount], [['stranded a'], 0]);
});
