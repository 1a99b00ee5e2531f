// UDP ports of an app: all workers of its site share them, and what clients send is read by one of them.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { atEnd } from '../../kit/at-end.js';
import { freePort } from '../../kit/free-port.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { LoneMaster, SiteOptions } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { writeApp } from './app.js';

const NO_SERVER = { server: false, listen: [] };

/** Waits until somebody has the port: a site may be ready a moment before. */
async function bound(port: number): Promise<void> {
  const shown = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  await until(`port ${port} is bound`, () => {
    const value = readFileSync('/proc/net/udp', 'latin1');
    return { done: value.includes(shown), value };
  });
}

/** An app that answers each datagram with its process id and what it got. */
function echo(port: number, more = ''): string {
  return `const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (m, { port, address }) => socket.send(process.pid + ' ' + m, port, address));
    socket.on('error', (error) => { console.error(error.code, error.syscall); process.exit(9); });
    socket.bind(${port}, '127.0.0.1'${more});
    process.on('SIGTERM', () => socket.close());`;
}

async function start(
  t: TestContext,
  source: string,
  options: Partial<SiteOptions> = {},
): Promise<LoneMaster> {
  const sites = [{ siteId: 'a', workerFile: writeApp(t, source), ...NO_SERVER, ...options }];
  return await startVhostd(t, { sites });
}

/** Sends to a port, one datagram behind the answer to the one before. */
class Sender {
  /** Processes that have answered. */
  readonly pids: number[] = [];
  readonly socket: Socket = createSocket('udp4');
  readonly #port: number;
  #count = 0;

  constructor(t: TestContext, port: number) {
    this.#port = port;
    atEnd(t, () => this.socket.close());
  }

  /** Nobody sends twice: a datagram that is lost is waited for until the test fails. */
  async ask(): Promise<number> {
    const text = String((this.#count += 1));
    const answer = once(this.socket, 'message', { signal: AbortSignal.timeout(60_000) });
    this.socket.send(text, this.#port, '127.0.0.1');
    const [pid, got] = String(((await answer) as [Buffer])[0]).split(' ');
    // One that had been read twice would be answered twice, and be the answer to the next one.
    assert.equal(got, text);
    this.pids.push(Number(pid));
    return Number(pid);
  }
}

void describe('a UDP port of an app', { concurrency: 2 }, () => {
  void it('is shared by its workers and through reloads, and each datagram is answered once', async (t) => {
    const port = await freePort();
    const vhostd = await start(t, echo(port), { cpuLen: 2 });
    await bound(port);
    const senders = Array.from({ length: 4 }, () => new Sender(t, port));
    let stopping = false;
    const sending = senders.map(async (sender) => {
      while (!stopping) await sender.ask();
    });
    const pids = async (): Promise<number[]> => (await vhostd.workers('a')).map(({ pid }) => pid);
    const before = await pids();
    for (let round = 0; round < 3; round += 1) {
      const count = senders[0]?.pids.length ?? 0;
      await until('some more are answered', () => {
        const value = senders[0]?.pids.length ?? 0;
        return { done: value > count + 20, value };
      });
      await vhostd.reloaded('a');
      await vhostd.drained();
    }
    const after = new Set(await pids());
    await until('those of the last generation answer', () => {
      const value = senders.flatMap((sender) => sender.pids.slice(-1));
      return { done: value.every((pid) => after.has(pid)), value };
    });
    stopping = true;
    await Promise.all(sending);
    const answered = new Set(senders.flatMap((sender) => sender.pids));
    assert.ok(before.some((pid) => answered.has(pid)));
    assert.equal(vhostd.output.includes('EADDRINUSE'), false, vhostd.output);
  });

  void it('keeps what is sent while its only worker is started again', async (t) => {
    const port = await freePort();
    const vhostd = await start(t, echo(port), { restart: { backoffMin: '500ms', backoffMax: '500ms' } });
    await bound(port);
    const sender = new Sender(t, port);
    const first = await sender.ask();
    process.kill(first, 'SIGKILL');
    await vhostd.gone([first]);
    assert.notEqual(await sender.ask(), first);
  });

  void it('is kept when the master dies', async (t) => {
    const port = await freePort();
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile: writeApp(t, echo(port)), ...NO_SERVER }],
    });
    await bound(port);
    const sender = new Sender(t, port);
    const first = await sender.ask();
    const { master } = await vhostd.status();
    process.kill(master?.pid ?? 0, 'SIGKILL');
    await vhostd.gone([first]);
    assert.notEqual(await sender.ask(), first);
    assert.equal(vhostd.output.includes('EADDRINUSE'), false, vhostd.output);
  });

  void it('is kept through an upgrade, and each datagram is answered once', async (t) => {
    const port = await freePort();
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [{ siteId: 'a', workerFile: writeApp(t, echo(port)), ...NO_SERVER }],
    });
    await bound(port);
    const sender = new Sender(t, port);
    let stopping = false;
    const sending = (async () => {
      while (!stopping) await sender.ask();
    })();
    const answered = (): Promise<number> => {
      const { length } = sender.pids;
      return until('some more are answered', () => {
        const value = sender.pids.length;
        return { done: value > length + 20, value };
      });
    };
    await answered();
    const [first] = await vhostd.workers('a');
    assert.equal((await vhostd.run('upgrade')).code, 0);
    await vhostd.gone([first?.pid ?? 0]);
    await answered();
    stopping = true;
    await sending;
    const [second] = await vhostd.workers('a');
    assert.deepEqual([sender.pids[0], sender.pids.at(-1)], [first?.pid, second?.pid]);
    assert.equal(vhostd.output.includes('EADDRINUSE'), false, vhostd.output);
  });

  void it('is bound as Node binds it: address, callback, messages that were sent before', async (t) => {
    const [port, target] = [await freePort(), createSocket('udp4')];
    atEnd(t, () => target.close());
    target.bind(0, '127.0.0.1');
    await once(target, 'listening');
    const [message] = (await Promise.all([
      once(target, 'message', { signal: AbortSignal.timeout(60_000) }),
      start(
        t,
        `const socket = require('node:dgram').createSocket('udp4');
        socket.bind({ port: ${port}, address: 'localhost' }, function () {
          console.log('bound', this === socket, JSON.stringify(socket.address()));
        });
        try { socket.bind(${port}); } catch (error) { console.log(error.code); }
        socket.send('early', ${target.address().port}, '127.0.0.1');`,
      ).then((vhostd) =>
        vhostd
          .says(`bound true {"address":"127.0.0.1","family":"IPv4","port":${port}}`)
          .then(() => assert.match(vhostd.output, /ERR_SOCKET_ALREADY_BOUND/)),
      ),
    ])) as unknown as [[Buffer, { port: number }]];
    assert.deepEqual([message[0].toString(), message[1].port], ['early', port]);
  });

  void it('that the conf does not allow, or another site has, is refused', async (t) => {
    const [port, other] = [await freePort(), await freePort()];
    const vhostd = await startVhostd(t, {
      sites: [
        { siteId: 'a', workerFile: writeApp(t, echo(port)), ...NO_SERVER },
        { siteId: 'b', workerFile: writeApp(t, echo(other)), ...NO_SERVER, allow: { ports: [port] } },
        { siteId: 'c', workerFile: writeApp(t, echo(port)), ...NO_SERVER, dependencies: ['a'] },
      ],
      wait: false,
    });
    await bound(port);
    const failed = (reason: string | undefined): boolean => reason !== undefined && /printed/.test(reason);
    const { sites } = await vhostd.until('both say why', ({ sites: [, b, c] }) =>
      [b, c].every((site) => failed(site?.reason)),
    );
    assert.match(sites[1]?.reason ?? '', /EACCES bind/);
    assert.match(sites[2]?.reason ?? '', /EADDRINUSE bind/);
  });

  void it("that is to be exclusive is the worker's own", async (t) => {
    const port = await freePort();
    const vhostd = await start(
      t,
      `const socket = require('node:dgram').createSocket('udp4');
      socket.on('error', (error) => console.log(process.env.VHOSTD_SLOT, error.code));
      socket.bind({ port: ${port}, address: '127.0.0.1', exclusive: true });
      setInterval(() => undefined, 1000);`,
      { cpuLen: 2 },
    );
    await vhostd.says(/[01] EADDRINUSE/);
  });
});
