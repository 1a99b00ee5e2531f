import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import type { EventsOptions, MasterEvent } from '@vhostd/protocol';
import type { MasterConf, SiteConf } from '../conf/site-conf.js';
import { EVENT_NAMES } from '../logs/master-log.js';
import { MasterEvents } from '../events.js';
import { followEvents } from './event-feed.js';

const WORKER = { siteId: 'a', workerId: 'a/1', workerPid: 7, generation: 1 };
const ERROR = { code: 'ERR_SITE_ENV', message: 'no such file', stack: 'secret path', info: { file: '/x' } };

void describe('who follows events', () => {
  void it('is told who tells, and then all that happens, in order', async (t) => {
    const { events, sent, tick, stop } = follow(t);
    assert.deepEqual(sent, [{ event: 'subscribed', payload: { master: process.pid } }]);
    events.emit('worker.ready', WORKER);
    events.emit('site.state', { siteId: 'a', from: 'booting', event: 'worker-ready', to: 'running' });
    tick();
    assert.deepEqual(sent.slice(1), [
      { event: 'worker.ready', payload: WORKER },
      {
        event: 'site.state',
        payload: { siteId: 'a', from: 'booting', event: 'worker-ready', to: 'running' },
      },
    ]);
    await stop();
  });

  void it('sees the events of connections only on demand', async (t) => {
    for (const connections of [undefined, 'false', 'true'] as const) {
      const { events, sent, tick, stop } = follow(t, connections === undefined ? {} : { connections });
      events.emit('connection.accepted', { key: '::80', secure: false });
      tick();
      const told = connections === 'true' ? ['subscribed', 'connection.accepted'] : ['subscribed'];
      assert.deepEqual(
        sent.map(({ event }) => event),
        told,
      );
      await stop();
    }
  });

  void it('sees one site only, where that is asked for', async (t) => {
    const { events, sent, tick, stop } = follow(t, { siteId: 'a' });
    events.emit('site.idle', { siteId: 'b' });
    events.emit('logs.reopened', { file: null });
    events.emit('site.served', { conf: { siteId: 'b' } as SiteConf, generation: 1 });
    events.emit('site.served', { conf: { siteId: 'a' } as SiteConf, generation: 2 });
    tick();
    assert.deepEqual(sent.slice(1), [{ event: 'site.served', payload: { siteId: 'a', generation: 2 } }]);
    await stop();
  });

  void it('sees no conf, and of an error its code and message', async (t) => {
    const { events, sent, tick, stop } = follow(t);
    events.emit('conf.applied', { conf: { sites: ['secret'] } as unknown as MasterConf });
    events.emit('site.failed', { siteId: 'a', error: ERROR });
    events.emit('sites.loaded', { failures: [{ siteId: 'a', error: ERROR }] });
    events.emit('listener.failed', { key: '::80', error: new Error('EACCES') });
    tick();
    const shown = { code: ERROR.code, message: ERROR.message };
    assert.deepEqual(sent.slice(1), [
      { event: 'conf.applied', payload: {} },
      { event: 'site.failed', payload: { siteId: 'a', error: shown } },
      { event: 'sites.loaded', payload: { failures: [{ siteId: 'a', error: shown }] } },
      { event: 'listener.failed', payload: { key: '::80', error: { message: 'EACCES' } } },
    ]);
    await stop();
  });

  void it('is dropped where events can’t be sent, or come faster than that, and leaves nothing behind', async (t) => {
    const { events, outcome, tick, refuse } = follow(t);
    refuse();
    events.emit('site.idle', { siteId: 'a' });
    tick();
    await assert.rejects(outcome, { code: 'ERR_CONTROL_SLOW' });
    assert.deepEqual(events.eventNames(), []);
    const flood = follow(t);
    for (let count = 0; count <= 5_000; count += 1) flood.events.emit('site.idle', { siteId: 'a' });
    await assert.rejects(flood.outcome, { code: 'ERR_CONTROL_SLOW' });
    assert.deepEqual(flood.events.eventNames(), []);
  });

  void it('ends it by its signal', async (t) => {
    const { events, stop } = follow(t, { connections: 'true' });
    assert.equal(events.eventNames().length, EVENT_NAMES.length);
    await stop();
    assert.deepEqual(events.eventNames(), []);
  });
});

function follow(t: TestContext, options: EventsOptions = {}) {
  t.mock.timers.reset();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const events = new MasterEvents();
  const sent: Omit<MasterEvent, 'time'>[] = [];
  const abort = new AbortController();
  let isRefused = false;
  const outcome = followEvents(events, options, {
    signal: abort.signal,
    send: (batch) => {
      for (const { event, payload } of batch) sent.push({ event, payload });
      return !isRefused;
    },
  });
  outcome.catch(() => undefined);
  const stop = async (): Promise<void> => {
    abort.abort(new VhostError('ERR_CONTROL_GONE', 'gone'));
    await assert.rejects(outcome, { code: 'ERR_CONTROL_GONE' });
  };
  return {
    events,
    sent,
    outcome,
    stop,
    tick: () => t.mock.timers.tick(20),
    refuse: () => (isRefused = true),
  };
}
