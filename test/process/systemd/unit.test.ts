// examples/vhostd.service under a real systemd: what docs/systemd.md says of it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DaemonStatus } from '@vhostd/protocol';
import { atEnd } from '../../kit/at-end.js';
import { freePort, freePorts } from '../../kit/free-port.js';
import { Load, MIXED } from '../../kit/load.js';
import { passed } from '../../kit/vhostd.js';
import { until } from '../../kit/until.js';
import { Machine, whyNoMachine } from './machine.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const HOST = 'a.test';

void test(
  'the unit keeps vhostd through deaths, reload and upgrade, and stops it',
  {
    skip: whyNoMachine() ?? false,
    timeout: 300_000,
  },
  async (t) => {
    const port = await freePort();
    const { machine, vhostd } = await bootWithUnit(t, port);
    const serving = async (what: string, wanted: (now: DaemonStatus) => boolean): Promise<DaemonStatus> =>
      await until(what, async () => {
        const now = await vhostd('status', '--json').then(
          (text) => JSON.parse(text) as DaemonStatus,
          () => undefined,
        );
        const serves = now?.sites?.[0]?.workers.filter(({ state }) => state === 'ready').length === 2;
        return { done: now !== undefined && serves && wanted(now), value: now as DaemonStatus };
      });
    const mainPid = async (): Promise<number> => Number((await machine.unit('vhostd', 'MainPID')).MainPID);
    // The start is over when the sites are loaded.
    await machine.run('systemctl', 'start', 'vhostd');
    const first = JSON.parse(await vhostd('status', '--json')) as DaemonStatus;
    assert.equal(first.sites[0]?.state, 'running');
    assert.deepEqual(await machine.unit('vhostd', 'MainPID', 'StatusText'), {
      MainPID: String(first.daemon.pid),
      StatusText: 'serves every site',
    });
    const journal = await machine.run('journalctl', '--unit=vhostd', '--no-pager', '--output=cat');
    assert.doesNotMatch(journal, /"level":[456]0/, 'a start as it should be warns of nothing');
    const loads = [
      new Load({ port, host: HOST, connections: 'kept', clientCount: 8, ...MIXED }),
      new Load({ port, host: HOST, connections: 'fresh' }),
    ] as const;
    const progress = async (): Promise<unknown> => await Promise.all(loads.map((load) => load.progress(50)));
    await progress();

    // Twice: the first daemon is a child of systemd, the next one of the master.
    let { daemon } = first;
    for (let round = 0; round < 2; round += 1) {
      const { pid } = daemon;
      await machine.run('kill', '-KILL', String(pid));
      ({ daemon } = await serving('another daemon serves', (now) => now.daemon.pid !== pid));
      assert.equal(await mainPid(), daemon.pid);
      await progress();
    }
    await machine.run('systemctl', 'reload', 'vhostd');
    const reloaded = await serving('the reload is done', ({ sites: [a] }) => a?.generation === 2);
    assert.equal(reloaded.master?.pid, first.master?.pid);
    await progress();
    await vhostd('upgrade');
    const upgraded = await serving('the upgrade is done', (now) => now.daemon.pid !== daemon.pid);
    assert.equal(await mainPid(), upgraded.daemon.pid);
    await machine.run('systemctl', 'reload', 'vhostd');
    await progress();
    for (const load of loads) {
      const outcome = await load.stop();
      t.diagnostic(String(outcome));
      outcome.assertNothingLost();
    }
    assert.deepEqual(await machine.unit('vhostd', 'ActiveState', 'Result', 'NRestarts'), {
      ActiveState: 'active',
      Result: 'success',
      NRestarts: '0',
    });

    // systemd starts it again.
    await machine.run('kill', '-KILL', String(upgraded.daemon.pid), String(upgraded.master?.pid));
    const returned = await serving('it is back', (now) => now.daemon.pid !== upgraded.daemon.pid);
    assert.deepEqual(await machine.unit('vhostd', 'MainPID', 'NRestarts'), {
      MainPID: String(returned.daemon.pid),
      NRestarts: '1',
    });

    // A daemon that stands still feeds no watchdog: systemd ends all of it and starts it again.
    await machine.run('kill', '-STOP', String(returned.daemon.pid));
    const startedAgain = async (): Promise<{ done: boolean; value: unknown }> => {
      const value = await machine.unit('vhostd', 'NRestarts', 'ActiveState');
      return { done: value.NRestarts === '2' && value.ActiveState === 'active', value };
    };
    // The watchdog, the killing and the start have limits of their own, one behind the other.
    await until('systemd has started it again', startedAgain, 180_000);
    const restarted = await serving('it serves', () => true);
    assert.equal(await mainPid(), restarted.daemon.pid);

    await machine.run('systemctl', 'stop', 'vhostd');
    assert.deepEqual(await machine.unit('vhostd', 'ActiveState', 'Result', 'ControlGroup'), {
      ActiveState: 'inactive',
      Result: 'success',
      ControlGroup: '',
    });
  },
);

for (const options of [['--socket'], []]) {
  const what = ['vhostd systemd install', ...options].join(' ');
  const title = `${what}: two sites come back after a reboot, and nobody is refused by kills and restarts`;
  void test(title, { skip: whyNoMachine() ?? false, timeout: 300_000 }, async (t) => {
    const [one = 0, two = 0] = await freePorts(2);
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
    for (const name of ['etc', 'units']) mkdirSync(join(dir, name));
    const site = { path: '/opt/vhostd/test/dist/kit', workerFile: 'echo.site.js' };
    const configure = (...sites: object[]): void =>
      writeFileSync(join(dir, 'etc', 'vhostd.config.json'), JSON.stringify({ sites }));
    const siteOne = { ...site, siteId: 'one', listen: [{ host: HOST, port: one }] };
    configure(siteOne, {
      ...site,
      siteId: 'two',
      listen: [{ host: HOST, port: two, ipaddress: '127.0.0.1' }],
    });
    const boot = async (): Promise<Machine> => {
      const booted = await Machine.boot(
        { '/opt/vhostd': ROOT, '/opt/node': process.execPath, '/etc/vhostd': join(dir, 'etc') },
        { '/etc/systemd/system': join(dir, 'units') },
      );
      atEnd(t, () => endWithJournal(t, booted));
      return booted;
    };
    let machine = await boot();
    const vhostd = async (...args: string[]): Promise<string> =>
      await machine.run('/opt/node', '/opt/vhostd/packages/cli/bin/vhostd.js', ...args);
    const config = ['--config', '/etc/vhostd/vhostd.config.json'];
    // A user that is there after a reboot as well, which starts with an empty /etc/passwd.
    const told = await vhostd('systemd', 'install', ...options, '--service-user', 'nobody', ...config);
    assert.match(told, /wrote .*vhostd\.service\nenabled; /);
    const units = [...options.map(() => 'vhostd.socket'), 'vhostd.service'];
    await machine.run('systemctl', 'start', ...units);

    // As a reboot does: an orderly end, and what is on disk comes up again.
    await machine.end();
    machine = await boot();
    const ports = { one, two };
    const loads = Object.entries(ports).map(
      ([siteId, port]) => new Load({ port, host: HOST, siteId, connections: 'fresh', pauseMaxMs: 20 }),
    );
    await Promise.all(loads.map((load) => load.progress(20)));
    const progress = async (): Promise<unknown> => await Promise.all(loads.map((load) => load.progress(20)));
    // pgrep fails where there is none.
    const guards = async (): Promise<string[]> =>
      (await machine.run('sh', '-c', 'pgrep -f "[v]hostd-guard" || true'))
        .split('\n')
        .filter((pid) => pid !== '');
    const startedAgain = async (after: string, end: () => Promise<unknown>): Promise<void> => {
      const { MainPID: before } = await machine.unit('vhostd', 'MainPID');
      await end();
      await until(`${after}: another daemon is up`, async () => {
        const value = await machine.unit('vhostd', 'MainPID', 'ActiveState');
        const isAnother = value.MainPID !== before && value.MainPID !== '0';
        return { done: value.ActiveState === 'active' && isAnother, value };
      });
      await progress();
    };
    await startedAgain('all are killed', async () => {
      try {
        await machine.run('systemctl', 'kill', '--signal=KILL', 'vhostd.service');
      } catch (error) {
        // It killed the first of them, and the group of all was gone before it came to the others.
        if (!String(error).includes('No such device')) throw error;
      }
    });
    await startedAgain('daemon, master and guard are killed', async () => {
      const { daemon, master } = JSON.parse(await vhostd('status', '--json')) as DaemonStatus;
      await machine.run('kill', '-KILL', ...[daemon.pid, master?.pid ?? 0, ...(await guards())].map(String));
    });
    await startedAgain('restart', () => machine.run('systemctl', 'restart', 'vhostd.service'));
    const stored = async (): Promise<string> =>
      (await machine.unit('vhostd', 'NFileDescriptorStore')).NFileDescriptorStore;
    // Those that no socket unit has are in systemd's store.
    assert.equal(await stored(), options.length === 0 ? '2' : '0');
    for (const load of loads) {
      const { lost, failures } = await load.stop();
      t.diagnostic(String(load.outcome));
      assert.deepEqual([lost.refused, lost.timedOut, lost.wrong], [0, 0, 0], failures.join('\n'));
    }
    const refuses = async (port: number): Promise<void> =>
      await assert.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' });
    if (options.length === 0) {
      configure(siteOne);
      await machine.run('systemctl', 'restart', 'vhostd.service');
      await until('what the conf has no more is closed', async () => {
        const value = await stored();
        return { done: value === '1', value };
      });
      await refuses(two);
    }
    await machine.run('systemctl', 'stop', ...units);
    await refuses(one);
    await vhostd('systemd', 'uninstall');
    assert.deepEqual(await machine.unit('vhostd', 'ActiveState', 'LoadState'), {
      ActiveState: 'inactive',
      LoadState: 'not-found',
    });
  });
}

void test(
  'where sites have users of their own only the main process is heard, which names the next one in an upgrade',
  { skip: whyNoMachine() ?? false, timeout: 300_000 },
  async (t) => {
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
    atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
    const site = { siteId: 'a', path: '/opt/vhostd/test/dist/kit', workerFile: 'echo.site.js' };
    const conf = { sites: [{ ...site, user: 'nobody', listen: [{ host: HOST, port }] }] };
    writeFileSync(join(dir, 'vhostd.config.json'), JSON.stringify(conf));
    const machine = await Machine.boot({
      '/opt/vhostd': ROOT,
      '/opt/node': process.execPath,
      '/etc/vhostd': dir,
    });
    atEnd(t, () => endWithJournal(t, machine));
    const vhostd = async (...args: string[]): Promise<string> =>
      await machine.run('/opt/node', '/opt/vhostd/packages/cli/bin/vhostd.js', ...args);
    const config = ['--config', '/etc/vhostd/vhostd.config.json'];
    await vhostd('systemd', 'install', '--service-user', 'root', ...config);
    await machine.run('systemctl', 'start', 'vhostd');
    assert.equal((await machine.unit('vhostd', 'NotifyAccess')).NotifyAccess, 'main');
    // The first daemon is a child of systemd, the others are not.
    for (let round = 0; round < 2; round += 1) {
      await vhostd('upgrade');
      const { daemon } = JSON.parse(await vhostd('status', '--json')) as DaemonStatus;
      await until('systemd knows the next daemon', async () => {
        const value = await machine.unit('vhostd', 'MainPID', 'ActiveState');
        return { done: value.MainPID === String(daemon.pid) && value.ActiveState === 'active', value };
      });
      // And hears it.
      await assert.rejects(vhostd('reload', 'b'));
      await until('the next daemon is heard', async () => {
        const value = await machine.unit('vhostd', 'StatusText', 'ActiveState');
        return { done: value.StatusText.endsWith('the last reload failed'), value };
      });
    }
    await machine.run('systemctl', 'stop', 'vhostd');
    assert.deepEqual(await machine.unit('vhostd', 'ActiveState', 'Result', 'NRestarts'), {
      ActiveState: 'inactive',
      Result: 'success',
      NRestarts: '0',
    });
  },
);

/** For the end of a test; shows what the service printed if that has failed. */
async function endWithJournal(t: TestContext, machine: Machine): Promise<void> {
  if (machine.hasEnded) return;
  try {
    const journal = ['journalctl', '--unit=vhostd', '--no-pager', '--output=cat'] as const;
    if (!passed(t)) t.diagnostic(await machine.run(...journal));
  } finally {
    await machine.end();
  }
}

async function bootWithUnit(
  t: TestContext,
  port: number,
): Promise<{ machine: Machine; vhostd: (...args: string[]) => Promise<string> }> {
  const dir = mkdtempSync(join(tmpdir(), 'vhostd-test-'));
  atEnd(t, () => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'etc'));
  const site = { siteId: 'a', path: '/opt/vhostd/test/dist/kit', workerFile: 'echo.site.js', cpuLen: 2 };
  const conf = { sites: [{ ...site, listen: [{ host: HOST, port }] }] };
  writeFileSync(join(dir, 'etc', 'vhostd.config.json'), JSON.stringify(conf));
  // This Node, wherever it is; its directory may be one that only root can enter.
  const unit = readFileSync(join(ROOT, 'examples', 'vhostd.service'), 'utf8');
  const tried = unit.replaceAll('/usr/bin/node', '/opt/node').replace(/WatchdogSec=.*/, 'WatchdogSec=15');
  writeFileSync(join(dir, 'vhostd.service'), tried);
  const machine = await Machine.boot({
    '/opt/vhostd': ROOT,
    '/opt/node': process.execPath,
    '/etc/vhostd': join(dir, 'etc'),
    '/opt/vhostd.service': join(dir, 'vhostd.service'),
  });
  atEnd(t, () => endWithJournal(t, machine));
  await machine.run('useradd', '--system', 'vhostd');
  await machine.run('systemctl', 'link', '/opt/vhostd.service');
  const program = '/opt/vhostd/packages/cli/bin/vhostd.js';
  return {
    machine,
    vhostd: async (command, ...args) =>
      await machine.run('/opt/node', program, command, ...args, '--run-dir', '/run/vhostd'),
  };
}
