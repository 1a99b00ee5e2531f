import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deferred } from '@vhostd/transport';
import type { ListenConf, Router } from '../routing/router.js';
import { SiteMoves } from './site-moves.js';
import type { Site } from './site.js';
import type { Sites } from './sites.js';

void test('what is planned is what all changes under way name, until each has ended, in vain or not', async () => {
  const told: (readonly ListenConf[])[] = [];
  const plan = (confs: readonly ListenConf[]): void => void told.push(confs);
  const moves = new SiteMoves({} as Sites, { plan } as Router<Site>);
  const [a, b] = [1, 2].map((port): ListenConf => ({
    listen: [{ type: 'tcp', port }],
    defaultListen: false,
  }));
  assert.ok(a !== undefined && b !== undefined);
  const [first, second] = [new Deferred<void>(), new Deferred<void>()];
  const all = [moves.whilePlanned([a], () => first.promise), moves.whilePlanned([b], () => second.promise)];
  first.reject(new Error('no such conf'));
  await assert.rejects(all[0] ?? Promise.resolve(), /no such conf/);
  second.resolve();
  await all[1];
  assert.deepEqual(told, [[a], [a, b], [b], []]);
});
