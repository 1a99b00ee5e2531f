import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMasterConf } from '../conf/parse-conf.js';
import { MasterEvents } from '../events.js';
import { FleetSites } from './fleet-sites.js';

const FLEET = { endpoints: ['http://10.0.0.1:2379'], machine: 'm1', address: '10.0.0.11' };

function bench(graceMs: number): { events: MasterEvents; sites: FleetSites; wanted: (readonly string[])[] } {
  const events = new MasterEvents();
  const wanted: (readonly string[])[] = [];
  events.on('fleet.sites-wanted', ({ siteIds }) => wanted.push(siteIds));
  const sites = new FleetSites(events, graceMs);
  const conf = parseMasterConf({ fleet: FLEET, sites: [] }, { baseDir: '/' });
  events.emit('conf.applied', { conf });
  return { events, sites, wanted };
}

void describe('the sites of the fleet', () => {
  void it('are not there without a fleet', () => {
    assert.equal(new FleetSites(new MasterEvents()).readinessOf('db', 'db@fleet'), undefined);
  });

  void it('are asked for once, and published as soon as one machine has them up', () => {
    const { events, sites, wanted } = bench(60_000);
    assert.deepEqual(sites.readinessOf('db', 'db@fleet'), { siteId: 'db@fleet', published: false });
    sites.readinessOf('db', 'db@fleet');
    sites.readinessOf('mail', 'mail@fleet');
    assert.deepEqual(wanted, [['db'], ['db', 'mail']]);
    events.emit('fleet.sites', { siteIds: ['db'] });
    assert.equal(sites.readinessOf('db', 'db@fleet')?.published, true);
    assert.equal(sites.readinessOf('mail', 'mail@fleet')?.published, false);
  });

  void it('stay published while the store is lost, and are not when it says so', () => {
    const { events, sites } = bench(60_000);
    events.emit('fleet.sites', { siteIds: ['db'] });
    events.emit('fleet.sites', { siteIds: ['db'], error: 'gone' });
    assert.equal(sites.readinessOf('db', 'db@fleet')?.published, true);
    events.emit('fleet.sites', { siteIds: [] });
    assert.equal(sites.readinessOf('db', 'db@fleet')?.published, false);
  });

  void it('are said to be waited for in vain when others have had time, with the reason', async () => {
    const { events, sites } = bench(1);
    const isLate = new Promise((resolve) => events.once('fleet.sites', resolve));
    const keepAlive = setTimeout(() => undefined, 30_000);
    assert.equal(sites.readinessOf('db', 'db@fleet')?.failure, undefined);
    await isLate;
    clearTimeout(keepAlive);
    assert.match(sites.readinessOf('db', 'db@fleet')?.failure?.message ?? '', /not been asked yet/);
    events.emit('fleet.sites', { siteIds: [] });
    assert.equal(sites.readinessOf('db', 'db@fleet')?.failure?.message, 'no machine of the fleet has it up');
  });
});
