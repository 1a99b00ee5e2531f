import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as z from './zod.js';
import { daemonStatus, decode, decoding, findRoute, masterToDaemon, noRoute, routeOf } from './index.js';

const STATUS = {
  daemon: { pid: 1, version: '1', node: 'v20', uptimeMs: 1.5 },
  listeners: [{ address: '::', port: 80, type: 'tcp' }],
  sites: [{ siteId: 'a', state: 'running', generation: 1, hosts: [], workers: [], parked: 0 }],
};

void describe('decode', () => {
  void it('gives what the schema knows, and leaves out what it does not', () => {
    assert.deepEqual(decode(daemonStatus, { ...STATUS, new: 1 }, 'status'), STATUS);
  });

  void it('names the place that is wrong, and all of them in info', () => {
    const wrong = { ...STATUS, sites: [{ ...STATUS.sites[0], state: 'odd', parked: -1 }] };
    assert.throws(() => decode(daemonStatus, wrong, 'status'), {
      code: 'ERR_MESSAGE_INVALID',
      message: /^invalid message: status\.sites\[0\]\.state: /,
    });
    assert.throws(() => decode(daemonStatus, null, 'status'), /invalid message: status: /);
    assert.throws(
      () => decode(daemonStatus, wrong, 'status', 'ERR_CONTROL_REQUEST'),
      (error: { info: { problems: { path: string }[] } }) => {
        assert.deepEqual(
          error.info.problems.map(({ path }) => path),
          ['sites[0].state', 'sites[0].parked'],
        );
        return true;
      },
    );
  });
});

void describe('decoding', () => {
  void it('gives a handler its params, and closes the handle that came with wrong ones', () => {
    const handler = decoding(masterToDaemon, 'releaseListener', ({ key }) => key);
    assert.equal(handler({ key: '*:80' }, { handle: undefined }), '*:80');
    let closed = 0;
    const handle = { close: () => void (closed += 1) };
    assert.throws(() => handler({ key: 1 }, { handle }), { code: 'ERR_MESSAGE_INVALID' });
    assert.equal(closed, 1);
  });
});

void describe('a route', () => {
  const route = routeOf<string[]>();
  const routes = [
    route({
      method: 'GET',
      path: '/sites',
      summary: '',
      request: z.object({}),
      response: z.string(),
      run: () => 'all',
    }),
    route({
      method: 'POST',
      path: '/sites/:siteId/pause',
      summary: '',
      request: z.object({ timeout: z.number().exactOptional() }),
      response: z.string(),
      run: (target, { params, body }) => {
        target.push(`${params['siteId']} ${body.timeout}`);
        return 'paused';
      },
    }),
  ];

  void it('is found by method and path, whose variable parts are decoded', () => {
    const found = findRoute(routes, 'POST', '/sites/a%2Fb/pause');
    assert.ok('route' in found);
    assert.deepEqual(found.params, { siteId: 'a/b' });
    for (const path of ['/', '/sites/a', '/sites//pause', '/sites/%zz/pause', '/sites/a/pause/']) {
      assert.deepEqual(findRoute(routes, 'POST', path), { allowed: [] }, path);
    }
    assert.deepEqual(findRoute(routes, 'DELETE', '/sites'), { allowed: ['GET'] });
  });

  void it('that there is not is told from a method that a path does not take', () => {
    assert.equal(noRoute('GET', '/nope', []).code, 'ERR_CONTROL_ROUTE');
    const { code, info } = noRoute('GET', '/stop', ['POST']);
    assert.deepEqual([code, info], ['ERR_CONTROL_METHOD', { allowed: ['POST'] }]);
  });

  void it('decodes the body before it is carried out', () => {
    const found = findRoute(routes, 'POST', '/sites/a/pause');
    assert.ok('route' in found);
    const target: string[] = [];
    const call = { params: found.params, signal: new AbortController().signal, progress: () => true };
    assert.equal(found.route.run(target, { ...call, body: { timeout: 5 } }), 'paused');
    assert.equal(found.route.run(target, { ...call, body: undefined }), 'paused');
    assert.throws(() => found.route.run(target, { ...call, body: { timeout: 'x' } }), {
      code: 'ERR_CONTROL_REQUEST',
    });
    assert.deepEqual(target, ['a 5', 'a undefined']);
  });
});
