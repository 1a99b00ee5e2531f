// Certificates of an authority that speaks ACME, end to end against pebble.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { CertificateState } from '@vhostd/protocol';
import { atEnd } from '../../kit/at-end.js';
import { withOwnState } from '../../kit/full-vhostd.js';
import { freePorts } from '../../kit/free-port.js';
import { Pebble, pebbleSkip } from '../../kit/pebble.js';
import type { PebbleOptions } from '../../kit/pebble.js';
import { commandOf } from '../../kit/processes.js';
import { startVhostd } from '../../kit/start-vhostd.js';
import type { FullVhostd } from '../../kit/start-vhostd.js';
import { until } from '../../kit/until.js';
import { WireClient } from '../../kit/wire-client.js';

const HOST = 'a.test';
const EAB = { kid: 'kid-1', key: 'zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W' };

class Bench {
  readonly pebble: Pebble;
  readonly vhostd: FullVhostd;
  readonly port: number;
  readonly clear: number;

  private constructor(pebble: Pebble, vhostd: FullVhostd, ports: { port: number; clear: number }) {
    this.pebble = pebble;
    this.vhostd = vhostd;
    this.port = ports.port;
    this.clear = ports.clear;
  }

  /** With an authority that is not started yet. */
  static async open(
    t: TestContext,
    options: Partial<PebbleOptions> & { acme?: object } = {},
  ): Promise<Bench> {
    const [port = 0, clear = 0] = await freePorts(2);
    const pebble = await Pebble.prepare(t, { httpPort: clear, tlsPort: port, ...options });
    const { directory, ca } = pebble;
    const ipaddress = '127.0.0.1';
    const vhostd = await startVhostd(t, {
      daemon: true,
      sites: [
        {
          siteId: 'a',
          listen: [
            { type: 'ssl', host: HOST, port, ipaddress, cert: 'auto' },
            { host: HOST, port: clear, ipaddress, redirect: 'https' },
          ],
        },
      ],
      conf: { acme: { directory, ca, agree: true, email: 'me@a.test', ...options.acme } },
      program: withOwnState,
    });
    return new Bench(pebble, vhostd, { port, clear });
  }

  get folder(): string {
    const acme = join(this.vhostd.dir, 'state/certificates/acme');
    return join(acme, readdirSync(acme)[0] ?? '');
  }

  get state(): CertificateState {
    return JSON.parse(readFileSync(join(this.folder, `${HOST}.json`), 'utf8')) as CertificateState;
  }

  /** Lets the certificate be due, and asks for a look at it. */
  async makeDue(): Promise<void> {
    const state = { ...this.state, nextRenewal: new Date(0).toISOString() };
    writeFileSync(join(this.folder, `${HOST}.json`), JSON.stringify(state));
    await this.vhostd.reloaded('a');
  }

  /** Waits until there are so many certificates, however often it takes a look. */
  async issued(count: number): Promise<void> {
    await this.vhostd.logs('certificate.issued', count);
  }

  /** The number of the certificate that clients get; undefined while they are refused. */
  async served(): Promise<string | undefined> {
    const ca = await this.pebble.root();
    const socket = connect({ port: this.port, host: '127.0.0.1', servername: HOST, ca });
    try {
      await once(socket, 'secureConnect');
      return socket.getPeerCertificate().serialNumber;
    } finally {
      socket.destroy();
    }
  }

  async serves(): Promise<void> {
    const wanted = this.state.serialNumber;
    await until('the certificate is served', async () => {
      const value = await this.served().catch((error: unknown) => String(error));
      return { done: value === wanted, value };
    });
  }
}

void describe('a certificate of an authority', { skip: pebbleSkip }, () => {
  void it('comes by itself when the authority can be reached; until then handshakes are refused with an alert', async (t) => {
    const bench = await Bench.open(t, { eab: EAB, acme: { eab: EAB } });
    const { vhostd, pebble } = bench;
    const [failed] = await vhostd.logs('certificate.failed');
    assert.equal(failed?.['code'], 'ERR_ACME_UNREACHABLE');
    assert.equal(bench.state.attemptsLeft, 5);
    const awaited = await until('its command says so', async () => {
      const { stdout } = await vhostd.run('cert', HOST);
      return { done: /^error +ERR_ACME_UNREACHABLE: /m.test(stdout), value: stdout };
    });
    assert.match(awaited, /^state +awaited/m);
    assert.match(awaited, /^renewal +\S+Z, the next attempt after one that failed$/m);
    assert.match(awaited, /^attempts +5 left within an hour$/m);
    assert.match((await vhostd.run('cert')).stdout, /^a\.test +a +awaited! /m);
    const status = await vhostd.run('status', 'a');
    assert.match(status.stdout, /^a: ERR_ACME_UNREACHABLE: no new certificate for a\.test: /m);
    assert.match(status.stdout, /^renewal +a\.test, \S+Z, the next attempt/m);
    const socket = connect({
      port: bench.port,
      host: '127.0.0.1',
      servername: HOST,
      rejectUnauthorized: false,
    });
    await assert.rejects(once(socket, 'secureConnect'), /handshake failure/);
    await pebble.start();
    await bench.issued(1);
    await bench.serves();
    const { authority, issuer = '', nextRenewalReason, lastError } = bench.state;
    assert.deepEqual([authority, nextRenewalReason, lastError], [pebble.directory, 'two-thirds', undefined]);
    assert.match(issuer, /Pebble Intermediate/);
    const { stdout } = await vhostd.run('cert', HOST);
    assert.match(stdout, /^renewal +\S+Z, when (?:two thirds of its life are over|the authority wants it)$/m);
    assert.doesNotMatch(stdout, /^error/m);
    for (const name of ['account.json', `${HOST}.pem`])
      assert.equal(statSync(join(bench.folder, name)).mode & 0o777, 0o600);
  });

  void it('is proved in the other way when the authority has looked in vain, and renewed', async (t) => {
    const [closed = 0] = await freePorts(1);
    const bench = await Bench.open(t, { tlsPort: closed });
    await bench.pebble.start();
    await until('it has looked in vain', () => {
      const codes = bench.vhostd.logged('certificate.failed').map(({ code }) => code);
      return { done: codes.includes('ERR_ACME_CHALLENGE'), value: codes };
    });
    const { attemptsLeft, lastError, nextRenewalReason } = bench.state;
    assert.deepEqual([attemptsLeft, lastError?.code, nextRenewalReason], [4, 'ERR_ACME_CHALLENGE', 'retry']);
    assert.match(lastError?.message ?? '', /a\.test is here \(tls-alpn-01\)/);
    await bench.makeDue();
    await bench.issued(1);
    await bench.serves();
    const first = bench.state.serialNumber;
    const client = await WireClient.open(bench.clear);
    client.send(
      `GET /.well-known/acme-challenge/unknown HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`,
    );
    assert.equal((await client.answer()).status, 200, 'what nobody has ordered is for the site');
    client.close();
    // Pebble remembers that the host has been proved.
    await bench.makeDue();
    await bench.issued(2);
    await bench.serves();
    assert.notEqual(bench.state.serialNumber, first);
  });

  void it('stays while the authority is away, also one that has lost its accounts then', async (t) => {
    const bench = await Bench.open(t);
    await bench.pebble.start();
    await bench.issued(1);
    await bench.serves();
    const first = bench.state.serialNumber;
    const root = await bench.pebble.root();
    await bench.pebble.stop();
    await bench.makeDue();
    await until('the outage is noticed', () => {
      const value = bench.state.lastError?.code;
      return { done: value === 'ERR_ACME_UNREACHABLE', value };
    });
    const socket = connect({ port: bench.port, host: '127.0.0.1', servername: HOST, ca: root });
    await once(socket, 'secureConnect');
    assert.equal(socket.getPeerCertificate().serialNumber, first);
    socket.destroy();
    await bench.pebble.start();
    await bench.issued(2);
    await bench.serves();
    assert.notEqual(bench.state.serialNumber, first);
  });

  void it('is waited for, and later stays, while the authority talks nonsense', async (t) => {
    const bench = await Bench.open(t);
    const troubled = await TroubledAuthority.start(t, bench.pebble);
    const failsBy = async (code: string, message: RegExp): Promise<void> => {
      await until(`the command says ${code}`, async () => {
        const { stdout, stderr } = await bench.vhostd.run('cert', HOST);
        const said = /^error +(\S+): (.*)$/m.exec(stdout);
        return { done: said?.[1] === code && message.test(said[2] ?? ''), value: stdout + stderr };
      });
    };
    await until('there is a state', () => {
      const value = bench.vhostd.logged('certificate.failed').length;
      return { done: value > 0, value };
    });
    for (const [trouble, code, message] of TROUBLES) {
      troubled.trouble = trouble;
      await bench.makeDue();
      await failsBy(code, message);
    }
    await troubled.end();
    await bench.pebble.start();
    await bench.makeDue();
    await bench.issued(1);
    await bench.serves();
    const first = bench.state.serialNumber;
    const ca = await bench.pebble.root();
    await bench.pebble.stop();
    const again = await TroubledAuthority.start(t, bench.pebble);
    for (const [trouble, code, message] of TROUBLES) {
      again.trouble = trouble;
      await bench.makeDue();
      await failsBy(code, message);
      const socket = connect({ port: bench.port, host: '127.0.0.1', servername: HOST, ca });
      await once(socket, 'secureConnect');
      assert.equal(socket.getPeerCertificate().serialNumber, first, 'the last good one is served');
      socket.destroy();
    }
    const keeper = bench.vhostd.processes().find((pid) => commandOf(pid).includes('run-certificates'));
    assert.ok(keeper !== undefined);
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${keeper}/status`, 'utf8'))?.[1]);
    assert.ok(peak < 300_000, `its memory has been ${peak} kB`);
  });

  void it('comes also when the process that asks for it dies in the middle', async (t) => {
    const bench = await Bench.open(t, { env: { PEBBLE_VA_NOSLEEP: '0', PEBBLE_VA_SLEEPTIME: '5' } });
    await bench.pebble.start();
    await until('the authority is about to look', () => {
      const value = bench.pebble.output;
      return { done: /Pulled a task|Sleeping for/.test(value), value: value.slice(-300) };
    });
    const pid = bench.vhostd.processes().find((one) => commandOf(one).includes('run-certificates'));
    assert.ok(pid !== undefined);
    process.kill(pid, 'SIGKILL');
    await bench.vhostd.logs('certificates.exited');
    // Its lock is free after 30 s.
    await until(
      'it is there',
      () => {
        const value = bench.vhostd.logged('certificate.issued').length;
        return { done: value > 0, value };
      },
      240_000,
    );
    await bench.serves();
  });
});

type Trouble = 'fault' | 'text' | 'endless' | 'hangup' | 'empty' | 'nonsense';

/** What an authority may do, and what is said of it then. */
const TROUBLES: readonly (readonly [Trouble, string, RegExp])[] = [
  ['fault', 'ERR_ACME_UNREACHABLE', /status 500/],
  ['text', 'ERR_ACME_REFUSED', /./],
  ['endless', 'ERR_ACME_UNREACHABLE', /maxContentLength/],
  ['hangup', 'ERR_ACME_UNREACHABLE', /socket hang up|ECONNRESET/],
  ['empty', 'ERR_ACME_REFUSED', /./],
  ['nonsense', 'ERR_ACME_REFUSED', /./],
];

/** In the place of a pebble: it is trusted, and answers anything but what it is asked for. */
class TroubledAuthority {
  trouble: Trouble = 'fault';
  readonly #server: Server;

  private constructor({ key, ca }: Pebble) {
    this.#server = createServer(
      { key: readFileSync(key), cert: readFileSync(ca) },
      ({ url = '', headers }, response) => {
        if (this.trouble === 'hangup') return response.destroy();
        if (this.trouble === 'endless') {
          const send = (): void => {
            while (!response.destroyed && response.write(Buffer.alloc(65_536, 'a')));
          };
          response.on('drain', send);
          return send();
        }
        const { host = '' } = headers;
        const isDirectory = url === '/dir';
        // A directory as it should be, whose entries all lead to something else.
        const entries = ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange'];
        const directory = Object.fromEntries(entries.map((name) => [name, `https://${host}/${name}`]));
        const nonsense = isDirectory ? directory : { status: 7, authorizations: 'none', url: [] };
        const body = { fault: '{}', text: '<html>', empty: '{}', nonsense: JSON.stringify(nonsense) };
        response.writeHead(this.trouble === 'fault' ? 500 : 200, {
          'content-type': 'application/json',
          'replay-nonce': 'bm9uY2U',
        });
        return response.end(body[this.trouble]);
      },
    );
  }

  static async start(t: TestContext, pebble: Pebble): Promise<TroubledAuthority> {
    const troubled = new TroubledAuthority(pebble);
    troubled.#server.listen(Number(new URL(pebble.directory).port), 'localhost');
    await once(troubled.#server, 'listening');
    atEnd(t, () => troubled.end());
    return troubled;
  }

  async end(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
