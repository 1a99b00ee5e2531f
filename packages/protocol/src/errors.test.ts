import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fromWireError, toWireError, VhostError } from './errors.js';

/** As another process gets it. */
function travel(thrown: unknown): Error & { code: string } {
  return fromWireError(JSON.parse(JSON.stringify(toWireError(thrown))));
}

describe('VhostError', () => {
  test('has a code, a message, facts and a cause', () => {
    const cause = new Error('the reason');
    const error = new VhostError('ERR_WORKER_FAILED', 'went wrong', { info: { port: 80 }, cause });
    assert.ok(error instanceof Error);
    assert.deepEqual(
      [error.name, error.code, error.message, error.info, error.cause],
      ['VhostError', 'ERR_WORKER_FAILED', 'went wrong', { port: 80 }, cause],
    );
    assert.match(error.stack ?? '', /errors\.test/);
  });

  test('has no cause and no facts unless it is given some', () => {
    const error = new VhostError('ERR_WORKER_FAILED', 'went wrong');
    assert.equal('cause' in error, false);
    assert.deepEqual(error.info, {});
  });

  test('takes codes of the form ERR_AREA_WHAT only', () => {
    // @ts-expect-error a code in small letters
    assert.ok(new VhostError('err_test', 'went wrong'));
    // @ts-expect-error a code without its prefix
    assert.ok(new VhostError('TEST', 'went wrong'));
  });
});

describe('an error that travels to another process', () => {
  test('keeps code, message, facts and stack', () => {
    const error = new VhostError('ERR_WORKER_FAILED', 'went wrong', {
      info: { path: ['listen', 0], limit: 3, none: null },
    });
    const arrived = travel(error);
    assert.ok(arrived instanceof VhostError);
    assert.deepEqual([arrived.code, arrived.message, arrived.info], [error.code, error.message, error.info]);
    assert.equal(arrived.stack, error.stack);
  });

  test('keeps the code of an error of Node’s, and gives one to an error that has none', () => {
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES', errno: -13 });
    assert.deepEqual([travel(denied).code, travel(denied).message], ['EACCES', 'EACCES: permission denied']);
    assert.equal(travel(new TypeError('no function')).code, 'ERR_CALL_FAILED');
    assert.equal(travel(Object.assign(new Error('odd'), { code: 7 })).code, 'ERR_CALL_FAILED');
  });

  test('may be any value that can be thrown', () => {
    const values: [thrown: unknown, message: string][] = [
      ['text', 'text'],
      [undefined, 'undefined'],
      [null, 'null'],
      [0n, '0'],
      [Symbol('s'), 'Symbol(s)'],
      [{ toString: () => 'described' }, 'described'],
      [Object.create(null), 'something was thrown that cannot be described'],
    ];
    for (const [thrown, message] of values) {
      const arrived = travel(thrown);
      assert.deepEqual([arrived.code, arrived.message], ['ERR_CALL_FAILED', message]);
    }
  });

  test('never throws while it is described', () => {
    const hostile = new Error('x');
    Object.defineProperty(hostile, 'message', {
      get() {
        throw new Error('no message');
      },
    });
    const proxied = new Proxy(new Error('x'), {
      get() {
        throw new Error('no property');
      },
    });
    for (const thrown of [hostile, proxied]) assert.equal(travel(thrown).code, 'ERR_CALL_FAILED');
    const odd = new Error('x');
    odd.stack = 7 as unknown as string;
    odd.message = 8 as unknown as string;
    assert.deepEqual(toWireError(odd), { code: 'ERR_CALL_FAILED', message: '8' });
  });

  test('leaves out facts that are no JSON, and keeps the others', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    const info = { port: 80, cycle, big: 1n, run: () => 0, missing: undefined, last: 'kept' };
    const arrived = travel(new VhostError('ERR_WORKER_FAILED', 'went wrong', { info }));
    assert.deepEqual((arrived as VhostError).info, { port: 80, last: 'kept' });
  });

  test('is less than 1 MiB of JSON, however much it was', () => {
    const long = '\u0000'.repeat(5_000_000);
    const error = new VhostError('ERR_WORKER_FAILED', long, { info: { long, short: 1 } });
    error.stack = long;
    const coded = Object.assign(new Error(long), { code: long });
    for (const thrown of [error, coded, long]) {
      const bytes = Buffer.byteLength(JSON.stringify(toWireError(thrown)));
      assert.ok(bytes < 1 << 20, `${bytes} bytes`);
    }
    assert.deepEqual(toWireError(error).info, { short: 1 });
    assert.equal(travel(error).message.endsWith('…'), true);
  });

  test('is rebuilt from whatever arrives', () => {
    const bad: unknown[] = [
      null,
      undefined,
      7,
      'text',
      [],
      {},
      { code: 1, message: {}, info: 'x', stack: [] },
    ];
    for (const received of bad) {
      const error = fromWireError(received);
      assert.equal(error.code, 'ERR_CALL_FAILED');
      assert.equal(typeof error.message, 'string');
      assert.deepEqual((error as VhostError).info, {});
      assert.equal(typeof error.stack, 'string');
    }
    assert.equal(fromWireError('text').message, 'text');
    assert.equal(fromWireError({ code: 'EODD', message: 'm' }).code, 'EODD');
  });

  test('changes no prototype', () => {
    const received: unknown = JSON.parse('{"__proto__":{"polluted":1},"info":{"__proto__":{"polluted":1}}}');
    const error = fromWireError(received) as VhostError;
    assert.equal('polluted' in {}, false);
    assert.equal('polluted' in error, false);
    assert.equal(Reflect.get(Object.getPrototypeOf(error.info) as object, 'polluted'), undefined);
  });
});
