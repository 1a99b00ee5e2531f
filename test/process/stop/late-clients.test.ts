// New clients come without end while vhostd stops: whoever has connected is answered, those behind are refused. Whoever
// connects between the last look at a queue and its end is reset by the kernel, which has no way to do both at once.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';

const PLACE = { port: 0, ipaddress: '127.0.0.1' };

/** Clients at a time, each a moment behind the ones before. */
const WAVE = 8;
const PAUSE_MS = 3;

const KINDS: { what: string; sites: SiteOptions[]; conf?: Record<string, unknown> }[] = [
  { what: 'of two sites', sites: [{ siteId: 'a' }, { siteId: 'b' }] },
  {
    what: 'with a path for health checks',
    sites: [{ siteId: 'a' }, { siteId: 'b' }],
    conf: { healthPath: '/healthz' },
  },
  {
    what: 'where workers accept',
    sites: [{ siteId: 'a', cpuLen: 2, listen: [{ ...PLACE, accept: 'direct' }] }],
  },
];

for (const { what, sites, conf = {} } of KINDS) {
  test(`a stop ${what} resets nobody but who comes in its last moment, and says 503 at least`, async (t) => {
    const vhostd = await startVhostd(t, { daemon: true, sites, conf });
    const outcomes = new Map<string, number>();
    const clients: Promise<void>[] = [];
    const port = await vhostd.port();
    const count = (outcome: string): number => outcomes.get(outcome) ?? 0;
    const wave = async (): Promise<void> => {
      for (let index = 0; index < WAVE; index += 1) {
        const host = sites[index % sites.length]?.siteId ?? '';
        const client = outcomeOf(port, `${host}.test`).then((outcome) => {
          outcomes.set(outcome, count(outcome) + 1);
        });
        clients.push(client);
      }
      await delay(PAUSE_MS);
    };
    const waves = (async () => {
      while (count('ECONNREFUSED') === 0) await wave();
    })();
    await until('clients are served', () =>
      Promise.resolve({ done: count('200') > 100, value: count('200') }),
    );
    vhostd.signal('SIGTERM');
    await waves;
    await Promise.all(clients);
    await vhostd.gone();
    t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
    // One wave, if it meets that moment; several were reset where queues were closed as they were.
    assert.ok(count('ECONNRESET') <= WAVE, `${count('ECONNRESET')} were reset`);
    for (const expected of ['200', '503', 'ECONNREFUSED', 'ECONNRESET']) outcomes.delete(expected);
    assert.deepEqual(Object.fromEntries(outcomes), {});
  });
}

/** The status that a client of its own connection is answered with, or the code of its error. */
function outcomeOf(port: number, host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(text.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length) || 'nothing'));
  });
}
