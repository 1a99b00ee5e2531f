import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MasterStatus, SiteDetail } from '@vhostd/protocol';
import { ControlAnswers } from './control-answers.js';
import type { ControlledMaster } from './routes.js';

const SITE: SiteDetail = {
  siteId: 'a',
  state: 'running',
  generation: 1,
  hosts: [],
  workers: [],
  parked: 0,
  conf: {},
  ends: [],
};
const STATUS = { pid: 1, sites: [SITE] } as unknown as MasterStatus;

void describe('the routes of a master', () => {
  void it('each call one method, with the site of the path and the options of the body', async () => {
    const { ask, did } = bench();
    await ask('POST', '/reload');
    await ask('POST', '/sites/a%20b/reload');
    await ask('POST', '/sites/a/restart');
    await ask('POST', '/sites/a/stop');
    await ask('POST', '/sites/a/start');
    await ask('POST', '/sites/a/scale', { workers: '+1' });
    await ask('POST', '/logs/reopen');
    await ask('POST', '/sites/a/pause', { timeout: '2m' });
    await ask('POST', '/sites/a/resume');
    await ask('POST', '/sites/a/maintenance', { message: 'soon' });
    await ask('DELETE', '/sites/a/maintenance');
    await ask('POST', '/sites', { site: { path: 'a' }, baseDir: '/srv' });
    await ask('DELETE', '/sites/a', { now: 'true' });
    await ask('GET', '/sites/a/env', { values: 'true' });
    await ask('POST', '/sites/a/signal', { signal: 'SIGUSR2' });
    await ask('POST', '/logs/flush', { siteId: 'a' });
    assert.deepEqual(did, [
      ['reloadConf'],
      ['reloadConf', 'a b'],
      ['restartSite', 'a'],
      ['stopSite', 'a', { now: false }],
      ['startSite', 'a'],
      ['scaleSite', 'a', { workers: '+1' }],
      ['reopenLogs'],
      ['pauseSite', 'a', { timeout: '2m' }],
      ['resumeSite', 'a'],
      ['maintenance', 'a', { message: 'soon' }],
      ['maintenance', 'a', null],
      ['addSite', { site: { path: 'a' }, baseDir: '/srv' }],
      ['removeSite', 'a', { now: true }],
      ['variables', 'a', true],
      ['signalSite', 'a', { signal: 'SIGUSR2' }],
      ['flushLogs', { siteId: 'a' }],
    ]);
  });

  void it('tell of the master, of all sites and of one', async () => {
    const { ask } = bench();
    assert.equal(await ask('GET', '/status'), STATUS);
    assert.deepEqual(await ask('GET', '/sites'), { sites: [SITE] });
    assert.deepEqual(await ask('GET', '/sites/a'), SITE);
  });

  void it('refuse what there is not, and options that are none', async () => {
    const { ask, did } = bench();
    await assert.rejects(ask('POST', '/nope'), { code: 'ERR_CONTROL_ROUTE' });
    await assert.rejects(ask('GET', '/reload'), { code: 'ERR_CONTROL_METHOD' });
    await assert.rejects(ask('POST', '/sites/a/pause', { timeout: true }), { code: 'ERR_CONTROL_REQUEST' });
    await assert.rejects(ask('POST', '/sites/a/maintenance', { message: 1 }), {
      code: 'ERR_CONTROL_REQUEST',
    });
    assert.deepEqual(did, []);
  });
});

function bench(): {
  ask: (method: string, path: string, body?: unknown) => Promise<unknown>;
  did: unknown[][];
} {
  const did: unknown[][] = [];
  const method =
    (name: string) =>
    (...args: unknown[]): never => {
      did.push([name, ...args]);
      return undefined as never;
    };
  const master: ControlledMaster = {
    status: () => STATUS,
    loaded: Promise.resolve(),
    siteDetail: () => SITE,
    certificates: () => ({ certificates: [] }),
    reloadConf: method('reloadConf'),
    restartSite: method('restartSite'),
    stopSite: method('stopSite'),
    startSite: method('startSite'),
    addSite: method('addSite'),
    changeSite: method('changeSite'),
    removeSite: method('removeSite'),
    scaleSite: method('scaleSite'),
    variables: method('variables'),
    followEvents: method('followEvents'),
    metrics: () => [],
    fleetStatus: method('fleetStatus'),
    fleetDrain: method('fleetDrain'),
    fleetResume: method('fleetResume'),
    signalSite: method('signalSite'),
    flushLogs: method('flushLogs'),
    reopenLogs: method('reopenLogs'),
    pauseSite: method('pauseSite'),
    resumeSite: method('resumeSite'),
    maintenance: method('maintenance'),
  };
  const answers = new ControlAnswers(master);
  const ask = (verb: string, path: string, body?: unknown): Promise<unknown> =>
    answers.answer({ id: 1, method: verb, path, body }, () => true);
  return { ask, did };
}
