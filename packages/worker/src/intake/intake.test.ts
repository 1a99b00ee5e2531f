import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { CONFIRM_EACH_COUNT, encodeConnection, FrameKind } from '@vhostd/transport';
import type { Frame, NativeHandle } from '@vhostd/transport';
import { FakeLink } from '../rehome/fake-link.test.kit.js';
import { detach } from '../node/http-connections.js';
import { connectRaw } from './fixtures/raw-client.test.kit.js';
import type { RawClient } from './fixtures/raw-client.test.kit.js';
import { acceptFor, serve } from './fixtures/serving.test.kit.js';
import type { Peek } from './fixtures/acceptor.test.kit.js';
import { Intake } from './intake.js';

/** keepAliveTimeout of Node's servers by default. */
const KEEP_ALIVE_MS = 5000;
const LISTENER = '127.0.0.1:80';
const GET = 'GET / HTTP/1.1\r\nHost: a.test\r\n\r\n';

interface Scene {
  link: FakeLink;
  intake: Intake;
  sockets: Socket[];
  /** How long each could be silent before its first request, ms. */
  limitsMs: (number | undefined)[];
  /** Opens a connection, which arrives with what it has sent, or before it has sent anything. */
  arrive(id: number, peek: Peek, secure?: boolean, head?: string): Promise<RawClient>;
}

async function setScene(t: TestContext): Promise<Scene> {
  const link = new FakeLink();
  const sockets: Socket[] = [];
  const limitsMs: (number | undefined)[] = [];
  const onSocket = (socket: Socket): void => {
    sockets.push(socket);
    limitsMs.push(socket.timeout);
  };
  const intake = new Intake(link, { onSocket });
  const { adopted } = await serve(
    t,
    'adopted',
    createServer((_request, response) => response.end('answer')),
  );
  assert.ok(adopted);
  intake.setServer(adopted);
  const arrive: Scene['arrive'] = async (id, peek, secure = false, head = GET) => {
    let arrived: () => void = () => undefined;
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const port = await acceptFor((handle, read) => {
      intake.receive(frameOf(id, secure, handle as NativeHandle, read ?? Buffer.alloc(0)));
      setImmediate(arrived);
    }, peek);
    const client = await connectRaw(t, port);
    if (peek === 'head') client.send(head);
    await arrival;
    return client;
  };
  return { link, intake, sockets, limitsMs, arrive };
}

function frameOf(id: number, secure: boolean, handle: NativeHandle, head: Buffer): Frame {
  const header = { listener: LISTENER, secure, peeked: head.length > 0, handedBack: false };
  const payload = Buffer.from(encodeConnection(id, header, head.toString('latin1')), 'latin1');
  return { kind: FrameKind.connection, payload, handle, handleLost: false };
}

/** The numbers up to which connections were confirmed. */
function confirmed({ link }: Scene): number[] {
  return link.sent.flatMap(({ kind, payload }) =>
    kind === FrameKind.accepted ? [payload.readUInt32BE(0)] : [],
  );
}

void describe('a connection from the master', () => {
  void it('is one between two requests when it comes without a head', async (t) => {
    const scene = await setScene(t);
    const client = await scene.arrive(1, 'nothing');
    const [limitMs = 0] = scene.limitsMs;
    assert.ok(limitMs >= KEEP_ALIVE_MS, String(limitMs));
    client.send(GET);
    await client.until(/answer$/);
  });

  void it('is a new one where this process has accepted it', async (t) => {
    const scene = await setScene(t);
    const header = { listener: LISTENER, secure: false, peeked: false, handedBack: false };
    const port = await acceptFor(
      (handle) => scene.intake.takeAccepted(handle as NativeHandle, header),
      'nothing',
    );
    const client = await connectRaw(t, port);
    client.send(GET);
    await client.until(/answer$/);
    // As under Node itself: no limit but those of heads.
    assert.deepEqual(scene.limitsMs, [undefined]);
    assert.equal(scene.intake.headerOf(scene.sockets[0] as Socket), header);
  });

  void it('is none with a head', async (t) => {
    const scene = await setScene(t);
    const client = await scene.arrive(1, 'head');
    await client.until(/answer$/);
    assert.deepEqual(scene.limitsMs, [undefined]);
  });

  void it('gets GOAWAY where it speaks HTTP/2 and the server only HTTP/1', async (t) => {
    const scene = await setScene(t);
    const client = await scene.arrive(1, 'head', false, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    client.socket.on('end', () => client.socket.end());
    await client.closed;
    const answer = Buffer.from(client.text, 'latin1');
    assert.deepEqual([answer[3], answer[9 + 3], answer.readUInt32BE(9 + 9 + 4)], [4, 7, 0xd]);
    assert.deepEqual([scene.sockets, scene.intake.connectionCount()], [[], 0]);
  });

  void it('keeps what it came with, unless it is TLS', async (t) => {
    const scene = await setScene(t);
    await scene.arrive(1, 'nothing');
    await scene.arrive(2, 'nothing', true);
    assert.deepEqual(
      scene.sockets.map((socket) => scene.intake.headerOf(socket)?.listener),
      [LISTENER, undefined],
    );
  });

  void it('is confirmed at once where something must not be said before', async (t) => {
    const scene = await setScene(t);
    let confirmedAtOnce: number[] = [];
    scene.link.sent.length = 0;
    const receive = scene.intake.receive.bind(scene.intake);
    scene.intake.receive = (frame) => {
      receive(frame);
      assert.deepEqual(confirmed(scene), []);
      assert.deepEqual([scene.sockets.length, scene.intake.connectionCount()], [0, 1]);
      scene.intake.reportNow();
      assert.deepEqual([scene.sockets.length, scene.intake.connectionCount()], [0, 1]);
      confirmedAtOnce = confirmed(scene);
    };
    await scene.arrive(7, 'nothing');
    assert.deepEqual(confirmedAtOnce, [7]);
    await new Promise(setImmediate);
    assert.deepEqual(confirmed(scene), [7]);
  });

  void it('may be confirmed a little later where it is claimed; what another worker has is closed', async (t) => {
    const scene = await setScene(t);
    const claimed: number[] = [];
    const claim = (number: number): boolean => claimed.push(number) > 0 && number !== 2;
    Object.assign(scene.link, { claims: { claim } });
    scene.link.sent.length = 0;
    await scene.arrive(1, 'head');
    await (
      await scene.arrive(2, 'head')
    ).closed;
    await scene.arrive(3, 'head');
    while (confirmed(scene).at(-1) !== 3) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(claimed, [1, 2, 3]);
    assert.equal(confirmed(scene).includes(2), false);
    scene.intake.receive({ ...frameOf(4, false, {} as NativeHandle, Buffer.from(GET)), handle: undefined });
    await new Promise(setImmediate);
    const lost = scene.link.sent.filter(({ kind }) => kind === FrameKind.lost);
    assert.deepEqual(
      lost.map(({ payload }) => payload.readUInt32BE(0)),
      [4],
    );
    // Nobody claims what has lost its way: the master gives it to another worker.
    assert.deepEqual([claimed, confirmed(scene).at(-1)], [[1, 2, 3], 3]);
  });

  void it('is confirmed at once where it is one of some that were claimed', async (t) => {
    const scene = await setScene(t);
    Object.assign(scene.link, { claims: { claim: () => true } });
    // Far longer than a confirmation waits by itself.
    t.mock.timers.enable({ apis: ['setTimeout'] });
    for (let round = 1; round <= 2; round += 1) {
      scene.link.sent.length = 0;
      const last = round * CONFIRM_EACH_COUNT;
      for (let id = last - CONFIRM_EACH_COUNT + 1; id < last; id += 1) await scene.arrive(id, 'nothing');
      assert.deepEqual(confirmed(scene), []);
      await scene.arrive(last, 'nothing');
      await new Promise(setImmediate);
      assert.deepEqual(confirmed(scene), [last]);
    }
  });

  void it('is neither taken nor confirmed once this worker takes no more', async (t) => {
    const scene = await setScene(t);
    await scene.arrive(1, 'nothing');
    scene.intake.refuse();
    assert.deepEqual(confirmed(scene), [1]);
    const client = await scene.arrive(2, 'nothing');
    await client.closed;
    assert.equal(scene.sockets.length, 1);
    assert.deepEqual(confirmed(scene).includes(2), false);
  });

  void it('is served again when it is put back', async (t) => {
    const scene = await setScene(t);
    const client = await scene.arrive(1, 'nothing');
    const [socket] = scene.sockets;
    assert.ok(socket);
    const handle = detach(socket);
    await once(socket, 'close');
    assert.ok(handle);
    scene.intake.readopt({ handle, header: { secure: false, peeked: false, handedBack: false }, bytes: '' });
    assert.ok((scene.limitsMs[1] ?? 0) >= KEEP_ALIVE_MS);
    client.send(GET);
    await client.until(/answer$/);
  });
});
