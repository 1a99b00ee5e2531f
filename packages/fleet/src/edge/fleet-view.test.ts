import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FleetView } from './fleet-view.js';

const HOST = {
  address: '10.0.0.1',
  site: 'a',
  state: 'up',
  weight: 100,
  generation: 1,
  listen: [{ port: 80, tls: 'none', proxy: 'none' }],
};
const MACHINE = {
  address: '10.0.0.1',
  version: '1',
  started: 'x',
  lease: '7',
  health: { port: 80, proxy: 'none' },
};
const text = (record: object, more: object = {}): string => JSON.stringify({ ...record, ...more });

function viewOf(...names: string[]): FleetView {
  const view = new FleetView('/f');
  view.apply([
    ...names.map((name) => ({ key: `/f/hosts/${name}`, value: text(HOST) })),
    ...[...new Set(names.map((name) => name.split('/')[1]))].map((machine) => ({
      key: `/f/machines/${machine}`,
      value: text(MACHINE),
    })),
  ]);
  return view;
}

function namesOf(view: FleetView): string[] {
  return view.hosts.map(({ host, machine, record }) => `${host}/${machine} ${record.state}`);
}

void describe('what an edge knows of a fleet', () => {
  void it('forgets at once what was seen in drain, and keeps what has vanished', () => {
    const view = viewOf('a.test/m1', 'a.test/m2');
    view.apply([{ key: '/f/hosts/a.test/m1', value: text(HOST, { state: 'drain' }) }]);
    assert.deepEqual(namesOf(view), ['a.test/m1 drain', 'a.test/m2 up']);
    view.apply([{ key: '/f/hosts/a.test/m1' }, { key: '/f/machines/m2' }, { key: '/f/hosts/a.test/m2' }]);
    assert.deepEqual(namesOf(view), ['a.test/m2 up']);
  });

  void it('keeps all of a store that came back empty, until a machine is gone', () => {
    const view = viewOf('a.test/m1', 'a.test/m2');
    view.reset(new Map());
    assert.deepEqual(namesOf(view), ['a.test/m1 up', 'a.test/m2 up']);
    assert.deepEqual(
      view.forget(() => false),
      [],
    );
    assert.deepEqual(
      view.forget((machine) => machine === 'm1'),
      ['m1'],
    );
    assert.deepEqual(namesOf(view), ['a.test/m2 up']);
    assert.deepEqual([...view.machines.keys()], ['m2']);
  });

  void it('forgets nothing of a machine that is down while its keys are there', () => {
    const view = viewOf('a.test/m1');
    assert.deepEqual(
      view.forget(() => true),
      [],
    );
    assert.deepEqual(namesOf(view), ['a.test/m1 up']);
  });

  void it('forgets what a machine does not have any more that has published all of its hosts again', () => {
    const view = viewOf('a.test/m1', 'b.test/m1');
    view.reset(new Map([['/f/hosts/a.test/m1', text(HOST)]]));
    assert.deepEqual(namesOf(view), ['a.test/m1 up', 'b.test/m1 up']);
    view.apply([{ key: '/f/machines/m1', value: text(MACHINE) }]);
    assert.deepEqual(namesOf(view), ['a.test/m1 up']);
  });

  void it('begins with what was saved, as if it had vanished', () => {
    const { saved } = viewOf('a.test/m1');
    const view = new FleetView('/f');
    view.restore(saved);
    assert.deepEqual(namesOf(view), ['a.test/m1 up']);
    assert.deepEqual(
      view.forget(() => true),
      ['m1'],
    );
    assert.deepEqual(namesOf(view), []);
  });

  const HOSTILE: Record<string, [key: string, value: string]> = {
    'a host of two lines': ['/f/hosts/a.test\n  server x/m1', text(HOST)],
    'a host with a space': ['/f/hosts/a test/m1', text(HOST)],
    'a host with a semicolon': ['/f/hosts/a;shutdown/m1', text(HOST)],
    'a host with a quote': ['/f/hosts/a"/m1', text(HOST)],
    'a host with a percent sign': ['/f/hosts/%[env(PATH)]/m1', text(HOST)],
    'a host with a number sign': ['/f/hosts/a#/m1', text(HOST)],
    'a host in capitals': ['/f/hosts/A.test/m1', text(HOST)],
    'a host that is too long': [`/f/hosts/${'a.'.repeat(150)}a/m1`, text(HOST)],
    'a machine of two words': ['/f/hosts/a.test/m1 backup', text(HOST)],
    'a machine of two lines': ['/f/hosts/a.test/m1\n', text(HOST)],
    'an address that is a name': ['/f/hosts/a.test/m1', text(HOST, { address: 'evil.test' })],
    'an address with words': ['/f/hosts/a.test/m1', text(HOST, { address: '10.0.0.1 check' })],
    'an address with a zone': ['/f/hosts/a.test/m1', text(HOST, { address: 'fe80::1%eth0;x' })],
    'a socket as address': ['/f/hosts/a.test/m1', text(HOST, { address: 'unix@/run/x' })],
    'a port with words': [
      '/f/hosts/a.test/m1',
      text(HOST, { listen: [{ port: '80 ssl', tls: 'none', proxy: 'none' }] }),
    ],
    'a port of 0': ['/f/hosts/a.test/m1', text(HOST, { listen: [{ port: 0, tls: 'none', proxy: 'none' }] })],
    'a weight with words': ['/f/hosts/a.test/m1', text(HOST, { weight: '1; shutdown sessions' })],
    'a weight of 1e9': ['/f/hosts/a.test/m1', text(HOST, { weight: 1e9 })],
    'a thousand ways': ['/f/hosts/a.test/m1', text(HOST, { listen: Array(1000).fill(HOST.listen[0]) })],
    'no JSON': ['/f/hosts/a.test/m1', '{'],
    'a number': ['/f/hosts/a.test/m1', '1'],
    'a longer key': ['/f/hosts/a.test/m1/x', text(HOST)],
    'another prefix': ['/g/hosts/a.test/m1', text(HOST)],
  };
  for (const [what, [key, value]] of Object.entries(HOSTILE)) {
    void it(`takes no host out of ${what}`, () => {
      const view = new FleetView('/f');
      view.apply([
        { key: '/f/machines/m1', value: text(MACHINE) },
        { key, value },
      ]);
      assert.deepEqual(namesOf(view), []);
    });
  }

  for (const [what, health] of [
    ['two lines', '/a\n  server x'],
    ['a space', '/a b'],
    ['a quote', '/"'],
    ['no slash', 'a'],
  ] as const) {
    void it(`takes no machine whose path of health has ${what}`, () => {
      const view = new FleetView('/f');
      const value = text(MACHINE, { health: { port: 80, path: health, proxy: 'none' } });
      view.apply([{ key: '/f/machines/m1', value }]);
      assert.equal(view.machines.size, 0);
    });
  }

  void it('keeps what it knew where a key says what can not be read', () => {
    const view = viewOf('a.test/m1');
    view.apply([{ key: '/f/hosts/a.test/m1', value: 'garbage' }]);
    assert.deepEqual(namesOf(view), ['a.test/m1 up']);
  });
});
