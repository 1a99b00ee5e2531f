import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { connect, createServer } from 'node:tls';
import type { SecureVersion, Server as TlsServer, TlsOptions } from 'node:tls';
import { selfSigned } from '../intake/fixtures/self-signed.test.kit.js';
import { addressOf } from '../intake/fixtures/server-address.test.kit.js';
import { SessionTickets } from './session-tickets.js';
import { TicketKeys } from './ticket-keys.js';

const identity = await selfSigned('a.test');
const DAY_MS = 24 * 60 * 60 * 1000;
const clock = { day: 20_000 };

/** A worker: its TLS server, whose connections are prepared by their hello. */
async function worker(
  t: TestContext,
  directory: string,
  options: TlsOptions = {},
  siteId = 'a',
): Promise<{ port: number; tls: TlsServer }> {
  const tls = createServer({ ...identity, ...options }, (socket) => socket.end('x'));
  const keys = new TicketKeys(directory, {
    now: () => clock.day * DAY_MS,
    onFailure: (error) => assert.fail(String(error)),
  });
  const tickets = new SessionTickets(tls, keys, siteId);
  const front = createTcp((socket) => {
    socket.once('data', (hello) => {
      socket.pause();
      socket.unshift(hello);
      const restore = tickets.prepare(hello);
      tls.emit('connection', socket);
      restore?.();
    });
  }).listen(0, '127.0.0.1');
  t.after(() => front.close());
  await once(front, 'listening');
  return { port: addressOf(front).port, tls };
}

function place(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'session-tickets-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

async function visit(
  { port }: { port: number },
  version: SecureVersion,
  session?: Buffer,
): Promise<{ session: Buffer; reused: boolean }> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'a.test',
    rejectUnauthorized: false,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
  });
  let ticket: Buffer | undefined;
  socket.on('session', (given: Buffer) => {
    ticket = given;
  });
  await once(socket, 'secureConnect');
  const reused = socket.isSessionReused();
  // With TLS 1.3 it comes behind the handshake; one that goes on gives no other.
  ticket ??= socket.getSession();
  socket.resume();
  await once(socket, 'close');
  assert.ok(ticket);
  return { session: ticket, reused };
}

void describe('session tickets', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    void it(`are good at another worker, the day after as well, and not for longer: ${version}`, async (t) => {
      clock.day += 10;
      const directory = place(t);
      const one = await worker(t, directory);
      const other = await worker(t, directory);
      const first = await visit(one, version);
      assert.equal(first.reused, false);
      assert.equal((await visit(other, version, first.session)).reused, true);
      clock.day += 1;
      const second = await visit(other, version, first.session);
      assert.equal(second.reused, true);
      const fresh = await visit(one, version);
      assert.equal((await visit(other, version, fresh.session)).reused, true);
      clock.day += 1;
      assert.equal((await visit(one, version, first.session)).reused, false);
    });

    void it(`are those of a server's code where it has some: ${version}`, async (t) => {
      const directory = place(t);
      const ticketKeys = Buffer.alloc(48, 7);
      const own = await worker(t, directory, { ticketKeys });
      const other = await worker(t, directory);
      const { session } = await visit(own, version);
      assert.equal((await visit(other, version, session)).reused, false);
      assert.equal((await visit(own, version, session)).reused, true);
    });

    void it(`are good behind a new certificate: ${version}`, async (t) => {
      const one = await worker(t, place(t));
      const { session } = await visit(one, version);
      one.tls.setSecureContext(await selfSigned('a.test'));
      assert.equal((await visit(one, version, session)).reused, true);
    });
  }

  void it('are no good for another site or another demand on clients, even with one key', async (t) => {
    const directory = place(t);
    const one = await worker(t, directory);
    for (const other of [
      await worker(t, directory, {}, 'b'),
      await worker(t, directory, { requestCert: true, rejectUnauthorized: false }),
      await worker(t, directory, { sessionIdContext: 'of its own' }),
    ]) {
      const { session } = await visit(one, 'TLSv1.2');
      assert.equal((await visit(other, 'TLSv1.2', session)).reused, false);
    }
  });
});
