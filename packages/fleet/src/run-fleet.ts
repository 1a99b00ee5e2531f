// The process that publishes the sites of this machine in the fleet: a master starts it, and it ends with its master.
// Nothing that serves waits for it.
import type { FleetToMaster, MasterToFleet } from '@vhostd/protocol';
import { packageVersion, VhostError } from '@vhostd/protocol';
import { decoding, masterToFleet } from '@vhostd/protocol/schemas';
import { openParentLink, Peer } from '@vhostd/transport';
import { EtcdClient } from './etcd/etcd-client.js';
import { localSiteOf } from './publishing/local-site.js';
import { storeOverview } from './overview/store-overview.js';
import { MasterControl } from './publishing/master-control.js';
import { MasterSites } from './publishing/master-sites.js';
import { Publisher } from './publishing/publisher.js';

const link = openParentLink();
if (link === undefined) {
  console.error('this program is started by a master of vhostd');
  process.exit(2);
}
const peer = new Peer<FleetToMaster, MasterToFleet>(link, {
  name: 'the master',
  onEnd: () => process.exit(),
});
const control = new MasterControl(peer);
let running:
  { readonly publisher: Publisher; readonly store: EtcdClient; readonly prefix: string } | undefined;
let sites: MasterSites | undefined;

/** Where to publish is told once: for another conf the master starts another process. */
function begin(settings: MasterToFleet['configure']['params']): void {
  const store = new EtcdClient(settings);
  const version = packageVersion(import.meta.url);
  const publisher = new Publisher({
    settings,
    version,
    store,
    onState: (state) => peer.notify('state', state),
  });
  running = { publisher, store, prefix: settings.prefix };
  sites = new MasterSites(control, (details) =>
    publisher.set(details.map((detail) => localSiteOf(detail, settings.address))),
  );
  void sites.run();
}

function configured(): NonNullable<typeof running> {
  if (running !== undefined) return running;
  throw new VhostError('ERR_FLEET_STORE', 'the process of the fleet has no conf yet');
}

peer.handle('ping', () => null);
peer.handle(
  'configure',
  decoding(masterToFleet, 'configure', (settings) => {
    if (running === undefined) begin(settings);
    return null;
  }),
);
peer.handle(
  'drain',
  decoding(masterToFleet, 'drain', async ({ siteIds }) => {
    await configured().publisher.drain(siteIds);
    return null;
  }),
);
peer.handle(
  'undrain',
  decoding(masterToFleet, 'undrain', async ({ siteIds }) => {
    // What they are by now, or they would be up for a moment.
    await sites?.askAnew();
    configured().publisher.undrain(siteIds);
    return null;
  }),
);
peer.handle('withdraw', async () => {
  await configured().publisher.withdraw();
  return null;
});
peer.handle(
  'look',
  decoding(masterToFleet, 'look', async ({ host }) => {
    const { store, prefix } = configured();
    return storeOverview({ ...(await store.range(`${prefix}/`)), prefix, host });
  }),
);
// What a terminal says is for the master, which ends this one by its link.
process.on('SIGINT', () => undefined);
peer.start();
