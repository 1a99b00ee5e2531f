// The sites of a master that are asked for by two at once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SiteDetail } from '@vhostd/protocol';
import { MasterSites } from './master-sites.js';

/** A control API whose answers are given one by one, in order. */
class Control {
  state: SiteDetail['state'] = 'running';
  readonly asked: { path: string; answer(): void; refuse(): void }[] = [];
  onEvents: (value: unknown) => void = () => undefined;

  request(path: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // What the master answers is how it is when it is asked.
      const detail = this.#detail();
      this.asked.push({
        path,
        answer: () => resolve(path === '/sites' ? { sites: [detail] } : detail),
        refuse: () => reject(new Error('the master is busy')),
      });
    });
  }

  follow(_path: string, onEvents: (value: unknown) => void): Promise<unknown> {
    this.onEvents = onEvents;
    return new Promise(() => undefined);
  }

  async next(path: string): Promise<{ answer(): void; refuse(): void }> {
    while (this.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const first = this.asked.shift();
    assert.equal(first?.path, path);
    return first;
  }

  #detail(): SiteDetail {
    const { state } = this;
    return {
      siteId: 'a',
      state,
      generation: 1,
      hosts: [],
      workers: [],
      parked: 0,
      logs: [],
      conf: {},
      ends: [],
    };
  }
}

test('who asks anew is told how it is now, though what was asked before takes all that is due', async (t) => {
  const control = new Control();
  const told: (string | undefined)[] = [];
  const sites = new MasterSites(control, (all) => told.push(all[0]?.state));
  t.after(() => sites.end());
  void sites.run();
  const happens = (event: string, payload: object): void =>
    control.onEvents([{ time: new Date().toISOString(), event, payload }]);
  happens('subscribed', {});
  (await control.next('/sites')).answer();
  (await control.next('/sites/a')).answer();
  happens('site.stopped', { siteId: 'a' });
  const early = await control.next('/sites');
  control.state = 'stopped';
  let isTold = false;
  const anew = sites.askAnew().then(() => (isTold = true));
  early.answer();
  const own = await control.next('/sites');
  const others = await control.next('/sites/a');
  own.answer();
  const fresh = await control.next('/sites/a');
  assert.deepEqual([isTold, told], [false, ['running']]);
  others.answer();
  fresh.answer();
  await anew;
  assert.deepEqual(told, ['running', 'stopped', 'stopped']);
});

test('who asks anew is told once the master answers', async (t) => {
  const control = new Control();
  const told: (string | undefined)[] = [];
  const sites = new MasterSites(control, (all) => told.push(all[0]?.state));
  t.after(() => sites.end());
  const anew = sites.askAnew();
  (await control.next('/sites')).refuse();
  (await control.next('/sites')).answer();
  (await control.next('/sites/a')).answer();
  await anew;
  assert.deepEqual(told, ['running']);
});
