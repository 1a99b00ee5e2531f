import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeHandBackAnswer, encodeConnection, FrameKind } from '@vhostd/transport';
import type {
  AddressRecord,
  ConnectionHeader,
  Frame,
  HandBackAnswer,
  Link,
  NativeHandle,
} from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { sealEnds } from '../ingress/proxied-ends.js';
import { HandBacks } from './hand-backs.js';
import type { HandBackOwner } from './hand-backs.js';

/** A connection whose client is there, or has gone. */
class FakeHandle {
  closeCount = 0;
  readonly #there: boolean;
  constructor(there = true) {
    this.#there = there;
  }
  readStart(): number {
    return 0;
  }
  close(): void {
    this.closeCount += 1;
  }
  getpeername(out: AddressRecord): number {
    if (this.#there) out.address = '127.0.0.1';
    return this.#there ? 0 : -107;
  }
}

/** Hand-backs on a link that remembers the answers, and may keep them from the kernel. */
class Scene implements HandBackOwner {
  readonly answers: HandBackAnswer[] = [];
  readonly given: Connection[] = [];
  readonly handBacks: HandBacks;
  open = true;
  queuedBytes = 0;
  takes = true;
  readonly givenCount: number;

  constructor(givenCount = 100) {
    this.givenCount = givenCount;
    this.handBacks = new HandBacks(this as unknown as Link, this);
  }

  wasGivenOf(listenerKey: string): boolean {
    return listenerKey === '*|80';
  }

  takesHandedBack(): boolean {
    return this.takes;
  }

  onHandedBack(connection: Connection): void {
    this.given.push(connection);
  }

  send(kind: FrameKind, payload: string): boolean {
    const answer = decodeHandBackAnswer(Buffer.from(payload, 'latin1'));
    assert.equal(kind, FrameKind.handBackAnswer);
    assert.ok(answer);
    this.answers.push(answer);
    return this.open;
  }

  receive(
    number: number,
    handle: object | undefined,
    handleLost = false,
    head = `head ${number}`,
    more: Partial<ConnectionHeader> = {},
  ): string | undefined {
    const frame: Frame = {
      kind: FrameKind.handBack,
      payload: Buffer.from(
        encodeConnection(
          number,
          { listener: '*|80', secure: false, peeked: false, handedBack: true, ...more },
          head,
        ),
        'latin1',
      ),
      handle: handle as NativeHandle | undefined,
      handleLost,
    };
    return this.handBacks.receive(frame);
  }
}

test('a connection that is handed back is answered and given on, with what was read of it', () => {
  const scene = new Scene();
  const handle = new FakeHandle();
  assert.equal(scene.receive(1, handle), undefined);
  assert.deepEqual(scene.answers, [{ number: 1, taken: true }]);
  assert.deepEqual(scene.given, [
    {
      handle,
      head: 'head 1',
      host: null,
      secure: false,
      handedBack: true,
      listener: { key: '*|80', secure: false },
    },
  ]);
  assert.equal(handle.closeCount, 0);
});

test('the client that a balancer has named goes with it, and a worker cannot make one up', () => {
  const scene = new Scene();
  const handle = new FakeHandle() as object as NativeHandle;
  const client = { address: '192.0.2.7', port: 4001 };
  const proxied = sealEnds(handle, { client, server: { address: '192.0.2.1', port: 443 } });
  assert.equal(scene.receive(1, handle, false, 'head', proxied), undefined);
  assert.deepEqual(scene.given[0]?.proxied, proxied);
  const forged = { ...proxied, client: { ...client, address: '192.0.2.8' } };
  assert.match(scene.receive(2, new FakeHandle(), false, 'head', forged) ?? '', /did not come with/);
  assert.equal(scene.given.length, 1);
  // Of a connection that has been reset nothing can be proved.
  assert.equal(scene.receive(2, new FakeHandle(false), false, 'head', proxied), undefined);
});

test('a worker cannot lead a client to where it did not come in', () => {
  const scene = new Scene();
  const handle = new FakeHandle();
  assert.match(
    scene.receive(1, handle, false, 'head', { listener: '127.0.0.1|9000' }) ?? '',
    /of listener 127\.0\.0\.1\|9000, of which it was given none/,
  );
  assert.deepEqual([scene.given, scene.answers, handle.closeCount], [[], [], 1]);
});

test('nobody is given it while the kernel does not have the answer', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const scene = new Scene();
  scene.queuedBytes = 1;
  assert.equal(scene.receive(1, new FakeHandle()), undefined);
  assert.equal(scene.receive(2, new FakeHandle()), undefined);
  for (let turn = 0; turn < 10; turn += 1) t.mock.timers.tick(5);
  assert.deepEqual(scene.given, []);
  scene.queuedBytes = 0;
  t.mock.timers.tick(5);
  assert.deepEqual(
    scene.given.map(({ head }) => head),
    ['head 1', 'head 2'],
  );
});

test('of a worker that dies before it has its answer, the connection is given on all the same', () => {
  const scene = new Scene();
  scene.open = false;
  scene.receive(1, new FakeHandle());
  assert.deepEqual(scene.given, []);
  assert.deepEqual(
    scene.handBacks.takeBack().map(({ head }) => head),
    ['head 1'],
  );
  assert.deepEqual(scene.handBacks.takeBack(), []);
});

test('a connection that nobody has a use for stays with its worker', () => {
  const scene = new Scene();
  const handle = new FakeHandle();
  scene.takes = false;
  assert.equal(scene.receive(1, handle, false, ''), undefined);
  assert.deepEqual(scene.answers, [{ number: 1, taken: false }]);
  assert.equal(handle.closeCount, 1);
  assert.deepEqual(scene.given, []);
});

test('one with a request is for whoever has its host, whether or not its site has a use for it', () => {
  const scene = new Scene();
  scene.takes = false;
  assert.equal(scene.receive(1, new FakeHandle()), undefined);
  assert.deepEqual(scene.answers, [{ number: 1, taken: true }]);
  assert.equal(scene.given.length, 1);
});

test('so does one whose descriptor did not arrive because this process has none left', () => {
  const scene = new Scene();
  assert.equal(scene.receive(1, undefined, true), undefined);
  assert.equal(scene.receive(2, new FakeHandle()), undefined);
  assert.deepEqual(scene.answers, [
    { number: 1, taken: false },
    { number: 2, taken: true },
  ]);
  assert.equal(scene.given.length, 1);
});

test('a connection whose client has gone is taken and closed', () => {
  const scene = new Scene();
  const handle = new FakeHandle(false);
  scene.receive(1, handle);
  assert.deepEqual(scene.answers, [{ number: 1, taken: true }]);
  assert.equal(handle.closeCount, 1);
  assert.deepEqual(scene.given, []);
});

test('a worker that breaks the rules is told apart, and the descriptor it sent is closed', () => {
  const breaches: [what: RegExp, send: (scene: Scene, handle: FakeHandle) => string | undefined][] = [
    [/out of turn/, (scene, handle) => scene.receive(2, handle)],
    [/out of turn/, (scene, handle) => scene.receive(0, handle)],
    [/without its descriptor/, (scene) => scene.receive(1, undefined)],
    [/no TCP connection/, (scene, handle) => scene.receive(1, { close: () => handle.close() })],
    [
      /without a header/,
      (scene, handle) =>
        scene.handBacks.receive({
          kind: FrameKind.handBack,
          payload: Buffer.from([1]),
          handle: handle as unknown as NativeHandle,
          handleLost: false,
        }),
    ],
  ];
  for (const [what, send] of breaches) {
    const scene = new Scene();
    const handle = new FakeHandle();
    assert.match(send(scene, handle) ?? '', what);
    assert.deepEqual([scene.answers, scene.given], [[], []]);
    assert.equal(handle.closeCount, what.source === 'without its descriptor' ? 0 : 1);
  }
});

test('a worker cannot hand back more connections than it was given', () => {
  const scene = new Scene(1);
  const handle = new FakeHandle();
  assert.equal(scene.receive(1, new FakeHandle()), undefined);
  assert.match(scene.receive(2, handle) ?? '', /more connections/);
  assert.equal(handle.closeCount, 1);
});
