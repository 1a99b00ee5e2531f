import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonStatus, MasterEvent, SiteStatus } from '@vhostd/protocol';
import { keysOf } from './keys.js';
import { rowsOf } from './rows.js';
import { Top } from './top.js';
import type { Line } from './view.js';

function site(siteId: string, connections: number, fields: Partial<SiteStatus> = {}): SiteStatus {
  const worker = { pid: 1, slot: 0, generation: 1, state: 'ready', restarts: 0, replacements: 0 } as const;
  return {
    siteId,
    state: 'running',
    generation: 1,
    hosts: [`${siteId}.localhost`],
    workers: [{ ...worker, workerId: `${siteId}/1`, connections, memoryBytes: 1 << 20, uptimeMs: 61_000 }],
    parked: 0,
    ...fields,
  };
}

const STATUS: DaemonStatus = {
  daemon: { pid: 1, version: '1.2.3', node: 'v20', uptimeMs: 1_000 },
  master: { pid: 2, uptimeMs: 1, restarts: 0 },
  listeners: [],
  sites: [site('shop', 3), site('a-site-with-a-name-that-is-longer-than-there-is-room-for', 7)],
};

void describe('keys', () => {
  void it('are told from each other, also when several come at once', () => {
    assert.deepEqual(keysOf('\u001b[Ajä/\r\u001b[1;5C\u007f\u0003'), [
      'up',
      'j',
      'ä',
      '/',
      'enter',
      'unknown',
      'backspace',
      'quit',
    ]);
    assert.deepEqual(keysOf('\u001b'), ['escape']);
  });
});

void describe('rows', () => {
  void it('are sorted by what is chosen, and left out by the filter', () => {
    const names = (sort: 'conf' | 'conns' | 'name', filter = ''): string[] =>
      rowsOf(STATUS, { sort, filter, rateOf: () => undefined }).map(({ siteId, workerId = '' }) =>
        workerId === '' ? siteId.slice(0, 6) : workerId.slice(-2),
      );
    assert.deepEqual(names('conf'), ['shop', '/1', 'a-site', '/1']);
    assert.deepEqual(names('conns'), ['a-site', '/1', 'shop', '/1']);
    assert.deepEqual(names('name'), ['a-site', '/1', 'shop', '/1']);
    assert.deepEqual(names('conf', 'SHOP.local'), ['shop', '/1']);
  });
});

void describe('vhostd top', () => {
  for (const [columns, rows] of [
    [80, 24],
    [140, 50],
    [30, 8],
    [10, 2],
    [1, 1],
  ] as const) {
    void it(`fits a screen of ${columns} columns and ${rows} lines`, async () => {
      const bench = start({ columns, rows });
      await bench.drawn();
      assert.equal(bench.lines().length, rows);
      for (const text of bench.lines()) assert.ok(Array.from(text).length <= columns, text);
      await bench.quit();
    });
  }

  void it('shows sites, workers and events, with nothing in it that steers the terminal', async () => {
    const bench = start();
    bench.tell({ time: 'T', event: 'site.failed', payload: { siteId: 'shop', why: '\u001b[2J\n' } });
    await bench.drawn();
    const text = bench.lines().join('\n');
    assert.match(text, /^vhostd 1\.2\.3 {2}up 1s {2}master 2, 0 restarts$/m);
    assert.match(text, /^shop +running +- +3 +- +1M +0 +1m 1s *$/m);
    assert.match(text, /^ {2}shop\/1 +ready +- +3 +- +1M +0 +1m 1s$/m);
    assert.match(text, /^T site\.failed shop why=/m);
    assert.ok(!text.includes('\u001b'));
    await bench.quit();
  });

  void it('reloads the selected site only when that is confirmed', async () => {
    const bench = start();
    await bench.drawn();
    bench.type('r');
    assert.equal(bench.lines().at(-1), 'reload shop? y: yes, any other key: no');
    bench.type('n');
    bench.type('jjr');
    assert.match(bench.lines().at(-1) ?? '', /^reload a-site-/);
    assert.deepEqual(bench.reloaded, []);
    bench.type('y');
    assert.deepEqual(bench.reloaded, [STATUS.sites[1]?.siteId]);
    await bench.quit();
  });

  void it('filters by what is typed, and forgets it with Escape', async () => {
    const bench = start();
    await bench.drawn();
    bench.type('/sho');
    assert.doesNotMatch(bench.lines().join('\n'), /a-site/);
    bench.type('\u001b');
    assert.match(bench.lines().join('\n'), /a-site/);
    await bench.quit();
  });

  void it('follows the log of the selected site, and closes it', async () => {
    const bench = start();
    await bench.drawn();
    bench.type('l');
    await bench.drawn();
    assert.match(bench.lines().join('\n'), /^LOG OF shop *\nshop\/1 \| hello$/m);
    bench.type('l');
    assert.deepEqual(bench.logs, ['open shop', 'close shop']);
    await bench.quit();
  });

  void it('says why no daemon answers, and shows what it knew', async () => {
    const bench = start();
    await bench.drawn();
    bench.fail();
    await bench.drawn();
    assert.equal(bench.lines()[1], 'gone');
    assert.match(bench.lines().join('\n'), /^shop /m);
    await bench.quit();
  });
});

function start(size = { columns: 80, rows: 24 }) {
  let drawn: readonly Line[] = [];
  let onDraw: () => void = () => undefined;
  let onEvent: (event: MasterEvent) => void = () => undefined;
  let isGone = false;
  const reloaded: (string | undefined)[] = [];
  const logs: string[] = [];
  const top = new Top({
    client: {
      status: async () => {
        if (isGone) throw new Error('gone');
        return STATUS;
      },
      follow: async (options) => {
        ({ onEvent } = options);
        await new Promise((_resolve, reject) => options.signal?.addEventListener('abort', reject));
      },
      reload: async (siteId) => {
        reloaded.push(siteId);
        return { sites: [] };
      },
    },
    screen: {
      size,
      suspend: () => undefined,
      draw: (lines) => {
        drawn = lines;
        onDraw();
      },
    },
    openLog: async (siteId) => {
      logs.push(`open ${siteId}`);
      const lines = ['shop/1 | hello'];
      return { more: () => lines.splice(0), close: () => void logs.push(`close ${siteId}`) };
    },
  });
  const ended = top.run();
  return {
    reloaded,
    logs,
    lines: () => drawn.map(({ text }) => text),
    drawn: () => new Promise<void>((resolve) => (onDraw = resolve)),
    tell: (event: MasterEvent) => onEvent(event),
    type: (text: string) => top.type(text),
    fail: () => (isGone = true),
    quit: async () => {
      top.type('q');
      await ended;
    },
  };
}
