import assert from 'node:assert/strict';
import { Server } from 'node:net';
import { describe, it } from 'node:test';
import { checkNodeInternals } from './native-handle.js';

void describe('the check of Node internals', () => {
  void it('finds nothing missing on this Node', () => {
    assert.equal(checkNodeInternals(), undefined);
  });

  void it('names a method that is gone', (t) => {
    const original: () => void = Reflect.get(Server.prototype, '_listen2');
    t.after(() => Reflect.set(Server.prototype, '_listen2', original));
    Reflect.deleteProperty(Server.prototype, '_listen2');
    const error = checkNodeInternals();
    assert.equal(error?.code, 'ERR_NODE_INTERNALS');
    assert.deepEqual(error.info['missing'], ['net.Server#_listen2']);
    assert.match(error.message, /net\.Server#_listen2/);
  });

  void it('notices that a listening handle no longer gets onconnection', (t) => {
    const original: () => void = Reflect.get(Server.prototype, '_listen2');
    t.after(() => Reflect.set(Server.prototype, '_listen2', original));
    Reflect.set(Server.prototype, '_listen2', () => undefined);
    assert.deepEqual(checkNodeInternals()?.info['missing'], ['onconnection of the listening handle']);
  });

  void it('notices that connections are counted in another way', (t) => {
    const original: () => void = Reflect.get(Server.prototype, '_listen2');
    t.after(() => Reflect.set(Server.prototype, '_listen2', original));
    Reflect.set(Server.prototype, '_listen2', function listen(this: object) {
      Reflect.apply(original, this, [null, 0, 4]);
      Reflect.set(this, '_connections', 1);
    });
    assert.deepEqual(checkNodeInternals()?.info['missing'], ['net.Server#_connections']);
  });
});
