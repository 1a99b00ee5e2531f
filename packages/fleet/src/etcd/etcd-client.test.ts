import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { EtcdClient } from './etcd-client.js';
import type { EtcdOptions } from './etcd-client.js';
import { FakeEtcd } from './fake-etcd.test.kit.js';

void describe('the client of etcd', () => {
  const clientOf = (endpoints: readonly string[], more: Partial<EtcdOptions> = {}): EtcdClient =>
    new EtcdClient({ endpoints, ...more });

  void it('puts keys under a lease and finds them again, in pages', async (t) => {
    const fake = await FakeEtcd.start(t);
    const client = clientOf([fake.url]);
    const lease = await client.grant(10);
    for (let from = 0; from < 5200; from += 100) {
      const changes = Array.from({ length: 100 }, (_, index) => ({ key: `/a/${from + index}`, value: 'ü' }));
      await client.commit(changes, lease);
    }
    await client.commit([{ key: '/b', value: 'x' }], undefined);
    const { entries, revision } = await client.range('/a/');
    assert.equal(entries.size, 5200);
    assert.equal(entries.get('/a/5199'), 'ü');
    assert.equal(revision, String(fake.revision));
    assert.equal((await client.keysOf(lease)).length, 5200);
    assert.equal(await client.keepAlive(lease), true);
    await client.revoke(lease);
    assert.equal(await client.keepAlive(lease), false);
    await client.revoke(lease);
    assert.deepEqual([...fake.keys.keys()], ['/b']);
    client.close();
  });

  void it('asks the next member where one does not answer, or hangs', async (t) => {
    const [first, second] = [await FakeEtcd.start(t), await FakeEtcd.start(t)];
    const gone = 'http://127.0.0.1:1';
    const client = clientOf([gone, first.url, second.url], { timeoutMs: 200 });
    await client.commit([{ key: '/a', value: '1' }], undefined);
    assert.equal(first.keys.size, 1);
    first.hangs = true;
    await client.commit([{ key: '/b', value: '1' }], undefined);
    assert.equal(second.keys.size, 1);
    assert.equal(client.endpoint, second.url);
    client.close();
  });

  void it('does not take the word of a server that is no etcd', async (t) => {
    const server = createServer((_request, response) => response.end('{"ID":"../x"}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    const client = clientOf([`http://127.0.0.1:${(server.address() as AddressInfo).port}`]);
    await assert.rejects(client.grant(10), /this is no etcd: ID/);
    client.close();
  });

  void it('says why where no member answers', async () => {
    const client = clientOf(['http://127.0.0.1:1']);
    await assert.rejects(client.grant(10), /ECONNREFUSED/);
    client.close();
  });

  void it('shows who it is, once more when the token is good no more', async (t) => {
    const fake = await FakeEtcd.start(t);
    fake.user = { name: 'm1', password: 'secret' };
    const wrong = clientOf([fake.url], { user: 'm1', password: 'x' });
    await assert.rejects(wrong.grant(10), /authentication failed/);
    const client = clientOf([fake.url], { user: 'm1', password: 'secret' });
    await client.grant(10);
    await client.grant(10);
    fake.forgetTokens();
    await client.grant(10);
    assert.equal(fake.asked.filter((path) => path.includes('authenticate')).length, 3);
    for (const one of [wrong, client]) one.close();
  });

  void it('tells what happens behind a revision, and that it is forgotten', async (t) => {
    const fake = await FakeEtcd.start(t);
    const client = clientOf([fake.url]);
    await client.commit([{ key: '/a/1', value: 'x' }], undefined);
    const { revision } = await client.range('/a/');
    await client.commit([{ key: '/a/1' }, { key: '/a/2', value: 'y' }, { key: '/b', value: 'z' }], undefined);
    const abort = new AbortController();
    const told = client.watch('/a/', revision, abort.signal);
    assert.deepEqual((await told.next()).value, { kind: 'changes', revision: '3', changes: [] });
    const { value } = await told.next();
    assert.deepEqual(value, {
      kind: 'changes',
      revision: '3',
      changes: [{ key: '/a/1' }, { key: '/a/2', value: 'y' }],
    });
    fake.revision = 100;
    await client.commit([{ key: '/a/3', value: 'z' }], undefined);
    assert.equal(Reflect.get(Object((await told.next()).value), 'revision'), '101');
    abort.abort();
    await assert.rejects(told.next());
    fake.compact();
    const late = client.watch('/a/', revision, new AbortController().signal);
    await late.next();
    assert.deepEqual((await late.next()).value, { kind: 'cancelled' });
    client.close();
  });
});
