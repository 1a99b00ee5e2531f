import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkProof } from '@vhostd/transport';
import { provedLink } from './proved-link.js';
import type { StateStore } from './served-state.js';

const VARIABLE = 'VHOSTD_LINK_PROOF';

/** A daemon that keeps one value. */
class Store implements StateStore {
  kept: unknown = null;

  save(_key: string, value: unknown): boolean {
    this.kept = value;
    return true;
  }

  load(): Promise<unknown> {
    return Promise.resolve(this.kept);
  }
}

test('the first master of a daemon tries the pipe out, those that follow do not', async () => {
  delete process.env[VARIABLE];
  const store = new Store();
  assert.deepEqual(await provedLink('auto', store), { type: 'native', handsBack: true });
  assert.equal(store.kept, linkProof('native'));
  assert.deepEqual(await provedLink('auto', store), { type: 'native', handsBack: true, proved: true });
});

test('a proof of another Node is replaced', async () => {
  const store = new Store();
  store.kept = linkProof('native')?.replace(process.version, 'v20.0.0');
  assert.deepEqual(await provedLink('native', store), { type: 'native', handsBack: true });
  assert.equal(store.kept, linkProof('native'));
});

test('a daemon that tells nothing, or nonsense, has the pipe tried out', async () => {
  const store = new Store();
  store.load = () => Promise.reject(new Error('the daemon has gone'));
  assert.deepEqual(await provedLink('auto', store), { type: 'native', handsBack: true });
  store.load = () => Promise.resolve(7);
  assert.deepEqual(await provedLink('auto', store), { type: 'native', handsBack: true });
});

test('the proof that another master was given serves once, and is seen by no site', async () => {
  process.env[VARIABLE] = linkProof('native');
  assert.deepEqual(await provedLink('auto', undefined), { type: 'native', handsBack: true, proved: true });
  assert.equal(VARIABLE in process.env, false);
  assert.deepEqual(await provedLink('auto', undefined), { type: 'native', handsBack: true });
});

test('with ipc nothing is tried out, and what is kept stays', async () => {
  const store = new Store();
  store.kept = 'a proof';
  assert.deepEqual(await provedLink('ipc', store), { type: 'ipc', handsBack: true });
  assert.equal(store.kept, 'a proof');
});
