// When a worker that accepts by itself rests.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { NativeHandle } from '@vhostd/transport';
import { DirectAccept } from './direct-accept.js';

const LISTENER = { listener: '127.0.0.1:80', secure: false, backlog: 511 };
/** Its share. */
const UP_TO = 10;

interface Scene {
  /** Connections that are open. */
  openCount: number;
  /** Why it rested, each time. */
  rests: string[];
  /** What it said of whether it accepts. */
  accepting: boolean[];
  direct: DirectAccept;
  /** Lets the kernel offer a connection, to a worker that accepts. */
  connect(): void;
  pass(ms: number): void;
}

function setScene(t: TestContext, missingCount = 0): Scene {
  let nowMs = 1000;
  t.mock.method(performance, 'now', () => nowMs);
  const socket: Record<string, unknown> = { listen: () => 0, close: () => undefined };
  const intake = {
    full: false,
    takeAccepted: () => void (scene.openCount += 1),
    connectionCount: () => scene.openCount,
    setAccepting: (accepting: boolean) => void scene.accepting.push(accepting),
  };
  const direct = new DirectAccept(intake, (why) => scene.rests.push(why), {
    missing: () => missingCount,
    missingNow: () => missingCount,
  });
  const scene: Scene = {
    openCount: 0,
    rests: [],
    accepting: [],
    direct,
    connect: () => {
      assert.equal(scene.accepting.at(-1), true);
      (socket['onconnection'] as (status: number, connection: object) => void)(0, { fd: 3 });
    },
    pass: (ms) => {
      nowMs += ms;
    },
  };
  const accepts = direct.listen({ ...LISTENER, upTo: UP_TO }, socket as unknown as NativeHandle);
  assert.equal(accepts, missingCount === 0);
  return scene;
}

void describe('a worker that accepts by itself', () => {
  void it('rests when it has its share of connections that stay', (t) => {
    const scene = setScene(t);
    for (let count = 1; count < UP_TO; count += 1) scene.connect();
    assert.deepEqual(scene.rests, []);
    scene.connect();
    assert.deepEqual([scene.rests, scene.accepting], [['share'], [true, false]]);
  });

  void it('rests at twice its share where connections pass, and no sooner', (t) => {
    const scene = setScene(t);
    for (let round = 0; round < 200; round += 1) {
      scene.connect();
      scene.openCount -= 1;
      scene.pass(1);
    }
    for (let count = 1; count < 2 * UP_TO; count += 1) scene.connect();
    assert.deepEqual(scene.rests, []);
    scene.connect();
    assert.deepEqual(scene.rests, ['share']);
  });

  void it('rests at its share again when connections have begun to stay', (t) => {
    const scene = setScene(t);
    for (let round = 0; round < 200; round += 1) {
      scene.connect();
      scene.openCount -= 1;
      scene.pass(1);
    }
    scene.pass(200);
    for (let count = 1; count < UP_TO; count += 1) scene.connect();
    assert.deepEqual(scene.rests, []);
    scene.connect();
    assert.deepEqual(scene.rests, ['share']);
  });

  void it('does not begin where it has no descriptor', (t) => {
    const scene = setScene(t, 1);
    assert.deepEqual([scene.rests, scene.accepting], [[], []]);
  });
});
