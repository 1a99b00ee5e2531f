import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { DaemonStatus, UpgradeResult } from '@vhostd/protocol';
import type { MasterControl, MasterRequest } from '../master/master-control.js';
import { createLog } from '../log.js';
import type { ControlCall } from './control-exchange.js';
import { DaemonClient } from './daemon-client.js';
import { answerControl } from './routes.js';
import { SiteOrders } from './site-orders.js';

const STATUS: DaemonStatus = {
  daemon: { pid: 1, version: '1', node: 'v20', uptimeMs: 1 },
  listeners: [],
  sites: [],
};
const UPGRADED: UpgradeResult = { pid: 2, version: '2', node: 'v24', failed: [] };

void describe('the routes of the daemon', () => {
  void it('answer status, upgrade and stop themselves', async () => {
    const { answer, did, told } = bench();
    assert.equal(await answer(call('GET', '/status')), STATUS);
    assert.equal(await answer(call('POST', '/upgrade', { node: '/n' }, told)), UPGRADED);
    assert.deepEqual(await answer(call('POST', '/stop', { now: true }, told)), {
      daemon: process.pid,
      master: 7,
    });
    assert.deepEqual(did, ['upgrade /n', 'stop true']);
    assert.deepEqual(told, [{ what: 'step' }, { daemon: process.pid, master: 7 }]);
  });

  void it('refuse a body that is not as it should be, and another method', async () => {
    const { answer, did } = bench();
    for (const body of [{ now: 'yes' }, [], 'now']) {
      await assert.rejects(answer(call('POST', '/stop', body)), { code: 'ERR_CONTROL_REQUEST' });
    }
    await assert.rejects(answer(call('GET', '/stop')), {
      code: 'ERR_CONTROL_METHOD',
      info: { allowed: ['POST'] },
    });
    assert.deepEqual(did, []);
  });

  void it('pass everything else on to the master as it came, with what that tells meanwhile', async () => {
    const { answer, did, told } = bench();
    const order = call('POST', '/sites/a/new-order', { any: [1] }, told);
    assert.deepEqual(await answer(order), { path: '/sites/a/new-order', body: { any: [1] } });
    assert.deepEqual(await answer(call('GET', '/sites')), { path: '/sites', body: {} });
    assert.deepEqual(told, ['half']);
    assert.deepEqual(did, ['POST /sites/a/new-order', 'GET /sites']);
  });
});

void describe('the events of the master', () => {
  void it('are passed on one by one, until the client leaves', async () => {
    const { answer, told, follower } = bench();
    const abort = new AbortController();
    const outcome = answer({ ...call('GET', '/events', { siteId: 'a' }, told), signal: abort.signal });
    const { send, signal } = await follower;
    assert.equal(send([1, 2]), true);
    assert.equal(send([3]), true);
    assert.deepEqual(told, [1, 2, 3]);
    abort.abort(new VhostError('ERR_CONTROL_CLOSED', 'ask again'));
    await assert.rejects(outcome, { code: 'ERR_CONTROL_CLOSED' });
    assert.equal(signal?.aborted, true);
  });

  void it('end for a client that does not read, and are the answer whatever it accepts', async () => {
    const { answer, follower } = bench();
    const asked: ControlCall = { ...call('GET', '/events'), progress: () => false };
    let streams = false;
    const outcome = answer({ ...asked, stream: () => (streams = true) });
    outcome.catch(() => undefined);
    const { send, signal } = await follower;
    send([1]);
    await assert.rejects(outcome, { code: 'ERR_CONTROL_SLOW' });
    assert.deepEqual([signal?.aborted, streams], [true, true]);
  });

  void it('refuse options that are none', async () => {
    const { answer } = bench();
    await assert.rejects(answer(call('GET', '/events', { connections: 'yes' })), {
      code: 'ERR_CONTROL_REQUEST',
    });
  });
});

void describe('the orders for sites', () => {
  void it('that are given during an upgrade wait for its end, and an upgrade for those before it', async () => {
    const { orders, did, master } = bench();
    const before = gate();
    master.until = before.promise;
    const first = orders.give({ method: 'POST', path: '/first', body: {} });
    const upgrading = gate();
    let waited = false;
    const upgrade = orders.upgrade(
      async () => {
        did.push('upgrade');
        await upgrading.promise;
        throw new VhostError('ERR_UPGRADE_FAILED', 'backed out');
      },
      () => (waited = true),
    );
    const behind = orders.give({ method: 'POST', path: '/behind', body: {} });
    assert.equal(waited, true);
    master.until = undefined;
    before.open();
    await first;
    upgrading.open();
    await assert.rejects(upgrade, { code: 'ERR_UPGRADE_FAILED' });
    await behind;
    assert.deepEqual(did, ['POST /first', 'upgrade', 'POST /behind']);
  });

  void it('go to the next daemon once that is in charge, until this one is to end', async () => {
    const { orders, did } = bench();
    await orders.upgrade(async () => undefined, assert.fail);
    // Nobody answers there.
    const order = orders.give({ method: 'POST', path: '/x', body: {} });
    await assert.rejects(order, { code: 'ERR_DAEMON_NOT_RUNNING' });
    orders.abandon();
    await assert.rejects(orders.give({ method: 'POST', path: '/x', body: {} }), { code: 'ERR_DAEMON_STATE' });
    assert.deepEqual(did, []);
    await orders.settled();
  });
});

/** The request of one who follows events, as the master sees it. */
interface Following {
  send(events: unknown): unknown;
  signal: AbortSignal | undefined;
}

function bench(): {
  answer: (call: ControlCall) => Promise<unknown>;
  orders: SiteOrders;
  did: string[];
  told: unknown[];
  master: { until: Promise<void> | undefined };
  follower: Promise<Following>;
} {
  const did: string[] = [];
  const master: { until: Promise<void> | undefined } = { until: undefined };
  let follow: (by: Following) => void = () => undefined;
  const follower = new Promise<Following>((resolve) => (follow = resolve));
  const control = {
    async request({ method, path, body, progress, signal }: MasterRequest) {
      if (path === '/events') {
        follow({ send: (events) => progress?.(events), signal });
        return await new Promise(() => undefined);
      }
      did.push(`${method} ${path}`);
      await master.until;
      progress?.('half');
      return { path, body };
    },
  } as unknown as MasterControl;
  const orders = new SiteOrders(
    { master: () => control, nextDaemon: () => new DaemonClient('/nonexistent') },
    createLog('silent'),
  );
  const answer = answerControl({
    orders,
    status: async () => STATUS,
    upgrade: async ({ node, onProgress }) => {
      did.push(`upgrade ${node}`);
      onProgress('step');
      return UPGRADED;
    },
    stopMaster: (now) => {
      did.push(`stop ${now}`);
      return { master: 7, gone: Promise.resolve() };
    },
  });
  return { answer, orders, did, told: [], master, follower };
}

function call(method: string, path: string, body: unknown = {}, told: unknown[] = []): ControlCall {
  const progress = (value: unknown): boolean => told.push(value) > 0;
  return { method, path, body, signal: new AbortController().signal, progress, stream: () => undefined };
}

function gate(): { promise: Promise<void>; open: () => void } {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}
