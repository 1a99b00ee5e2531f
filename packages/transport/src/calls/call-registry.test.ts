import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { NativeHandle } from '../node/native-handle.js';
import { CallRegistry, withCallback } from './call-registry.js';

void describe('CallRegistry', () => {
  void it('answers with what the handler returns or resolves with, and tells it who calls', async () => {
    const calls = new CallRegistry();
    calls.handle('sync', (params, { from, socket }) => [params, from, socket]);
    calls.handle('async', async (params) => params);
    assert.deepEqual(await calls.dispatch({ name: 'sync', params: 1, from: 'shop-0' }, undefined), [
      1,
      'shop-0',
      undefined,
    ]);
    assert.equal(await calls.dispatch({ name: 'async', params: 2 }, undefined), 2);
  });

  void it('rejects with what the handler throws', async () => {
    const calls = new CallRegistry();
    calls.handle('fails', () => {
      throw new RangeError('no such thing');
    });
    await assert.rejects(calls.dispatch({ name: 'fails' }, undefined), new RangeError('no such thing'));
  });

  void it('closes the handle of a call that nobody answers', async () => {
    let closed = 0;
    const handle = { close: () => (closed += 1) } as unknown as NativeHandle;
    const calls = new CallRegistry();
    await assert.rejects(calls.dispatch({ name: 'missing', socketHead: '' }, handle), {
      code: 'ERR_CALL_UNKNOWN',
    });
    assert.equal(closed, 1);
  });

  void it('refuses a call whose socket did not arrive', async () => {
    const calls = new CallRegistry();
    calls.handle('take', () => assert.fail('there is no socket to take'));
    await assert.rejects(calls.dispatch({ name: 'take', socketHead: 'GET' }, undefined), {
      code: 'ERR_CALL_SOCKET_LOST',
    });
  });

  void it('has one handler a name', async () => {
    const calls = new CallRegistry();
    calls.handle('name', () => 1);
    assert.throws(() => calls.handle('name', () => 2), { code: 'ERR_CALL_HANDLER' });
    assert.throws(() => calls.handle('', () => 2), { code: 'ERR_CALL_HANDLER' });
    assert.equal(await calls.dispatch({ name: 'name' }, undefined), 1);
  });

  void it('knows no handler that Object.prototype has', async () => {
    await assert.rejects(new CallRegistry().dispatch({ name: 'toString' }, undefined), {
      code: 'ERR_CALL_UNKNOWN',
    });
  });
});

void describe('withCallback', () => {
  void it('is the promise itself without a callback', () => {
    const promise = Promise.resolve(1);
    assert.equal(withCallback(promise), promise);
  });

  void it('calls back with the result or the error, and returns nothing', async () => {
    const failure = new Error('no');
    const good = await new Promise((resolve) => {
      const returned = withCallback(Promise.resolve(1), (...outcome) => resolve(outcome));
      assert.equal(returned, undefined);
    });
    assert.deepEqual(good, [null, 1]);
    const bad = await new Promise((resolve) => {
      void withCallback(Promise.reject(failure), (...outcome) => resolve(outcome));
    });
    assert.deepEqual(bad, [failure]);
  });

  void it('lets what the callback throws be an uncaught exception', () => {
    const module = new URL('call-registry.js', import.meta.url).href;
    const script = `import { withCallback } from ${JSON.stringify(module)};
      process.on('unhandledRejection', () => process.exit(1));
      process.on('uncaughtException', (error) => process.exit(error.message === 'mine' ? 42 : 2));
      withCallback(Promise.resolve(), () => { throw new Error('mine'); });`;
    const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'inherit',
    });
    assert.equal(status, 42);
  });
});
