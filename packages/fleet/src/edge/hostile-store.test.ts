// A store that anybody may have written to: nothing of it gets into HAProxy's conf, maps or commands but what is a host, an
// address, a port or the name of a machine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { HostRecord, MachineRecord } from '../layout.js';
import { FleetView } from './fleet-view.js';
import { changesOf } from './haproxy-changes.js';
import { haproxyFiles } from './haproxy-files.js';
import { planOf } from './haproxy-plan.js';

const MACHINE: MachineRecord = {
  address: '10.0.0.1',
  version: '1',
  started: '',
  lease: '1',
  health: { port: 80, path: '/up', proxy: 'none' },
};
const WAY = { port: 80, tls: 'none', proxy: 'none' } as const;
const HOST: HostRecord = {
  address: '10.0.0.1',
  site: 'a',
  state: 'up',
  weight: 100,
  generation: 1,
  listen: [WAY],
};
const BAD_NAMES = [
  'evil test',
  'evil\nbackend x',
  'evil;shutdown',
  'evil"test',
  "evil'test",
  'evil\0',
  'evil\r\n  bind :1',
  'evil$(id)',
  'évil.test',
  'evil..test',
  `${'evil.'.repeat(60)}test`,
  '__proto__/x',
  '',
  '[evil]',
];
const BAD_FIELDS: Record<string, unknown>[] = [
  { address: 'evil.test' },
  { address: '10.0.0.1:80 evil' },
  { address: 'fe80::1%evil' },
  { weight: '1 evil' },
  { weight: 0 },
  { state: 'evil' },
  { listen: [] },
  { listen: Array.from({ length: 17 }, (_, index) => ({ ...WAY, port: index + 1 })) },
  { listen: [{ ...WAY, port: 0 }] },
  { listen: [{ ...WAY, port: '80 evil' }] },
  { listen: [{ ...WAY, proxy: 'v2 evil' }] },
  { listen: { length: 1 } },
];

void test('what is in the store can neither add to the conf of HAProxy nor break it', (t) => {
  const changes = [
    { key: '/f/machines/m1', value: JSON.stringify(MACHINE) },
    // Two sites with one host, on one port of two addresses.
    { key: '/f/hosts/good.test/m1', value: JSON.stringify({ ...HOST, listen: [WAY, WAY] }) },
    ...BAD_NAMES.flatMap((name) => [
      { key: `/f/hosts/${name}/m1`, value: JSON.stringify(HOST) },
      { key: `/f/hosts/evil.test/${name}`, value: JSON.stringify(HOST) },
      { key: `/f/machines/${name}`, value: JSON.stringify(MACHINE) },
    ]),
    ...BAD_FIELDS.map((fields, index) => ({
      key: `/f/hosts/evil-${index}.test/m1`,
      value: JSON.stringify({ ...HOST, ...fields }),
    })),
    ...['', 'null', '[]', '"evil"', '{', '[['.repeat(100_000), `"${'x'.repeat(1e6)}"`].flatMap(
      (value, index) => [
        { key: `/f/hosts/evil-value-${index}.test/m1`, value },
        { key: `/f/machines/evil-${index}`, value },
      ],
    ),
    ...['/up evil', '/up\n  evil', 'evil', '/"evil"'].map((path, index) => ({
      key: `/f/machines/evil-path-${index}`,
      value: JSON.stringify({ ...MACHINE, health: { ...MACHINE.health, path } }),
    })),
  ];
  const view = new FleetView('/f');
  view.apply(changes);
  assertGood(t, view);
  // As the file of an edge may have it.
  const restored = new FleetView('/f');
  restored.restore(
    Object.fromEntries(changes.map(({ key, value }) => [key, parsed(value)])) as Record<string, unknown>,
  );
  assertGood(t, restored);
});

function parsed(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function assertGood(t: TestContext, view: FleetView): void {
  const plan = planOf(view.hosts, view.machines, () => 'up');
  assert.deepEqual(
    plan.backends.map(({ name, servers }) => [name, servers.map((server) => server.name)]),
    [['http:good.test', ['m1:80']]],
  );
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-hostile-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const files = haproxyFiles(plan, { dir, http: [':80'], https: [':443'] });
  assert.doesNotMatch(JSON.stringify(files), /evil/i);
  const backends = new Set(plan.backends.map(({ name }) => name));
  const running = { backends, servers: new Map(), maps: { http: new Map(), tls: new Map() } };
  assert.doesNotMatch(changesOf(plan, running, dir).commands.join('\n'), /evil/i);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;
  const args = ['-c', '-f', join(dir, 'haproxy.cfg')];
  const { error, status, stderr } = spawnSync('haproxy', args, { env: { PATH }, encoding: 'utf8' });
  if (error === undefined) assert.equal(status, 0, stderr);
}
