// The process that publishes the sites of this machine in the fleet: a master starts it, and it ends with its master.
// Nothing that serves waits for it.
import type { FleetToMaster, MasterToFleet } from '@vhostd/protocol';
import { packageVersion, VhostError } from '@vhostd/protocol';
import { decoding, masterToFleet } from '@vhostd/protocol/schemas';
import { openParentLink, Peer } from '@vhostd/transport';
import { EtcdClient } from './etcd/etcd-client.js';
import { localSiteOf } from './publishing/local-site.js';
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
let publisher: Publisher | undefined;
let sites: MasterSites | undefined;

/** Where to publish is told once: for another conf the master starts another process. */
function begin(settings: MasterToFleet['configure']['params']): void {
  const store = new EtcdClient(settings);
  const version = packageVersion(import.meta.url);
  const started = new Publisher({
    settings,
    version,
    store,
    onState: (state) => peer.notify('state', state),
  });
  publisher = started;
  sites = new MasterSites(control, (details) =>
    started.set(details.map((detail) => localSiteOf(detail, settings.address))),
  );
  void sites.run();
}

function configured(): Publisher {
  if (publisher !== undefined) return publisher;
  throw new VhostError('ERR_FLEET_STORE', 'the process of the fleet has no conf yet');
}

peer.handle('ping', () => null);
peer.handle(
  'configure',
  decoding(masterToFleet, 'configure', (settings) => {
    if (publisher === undefined) begin(settings);
    return null;
  }),
);
peer.handle(
  'drain',
  decoding(masterToFleet, 'drain', async ({ siteIds }) => {
    await configured().drain(siteIds);
    return null;
  }),
);
peer.handle(
  'undrain',
  decoding(masterToFleet, 'undrain', async ({ siteIds }) => {
    // What they are by now, or they would be up for a moment.
    await sites?.askAnew();
    configured().undrain(siteIds);
    return null;
  }),
);
peer.handle('withdraw', async () => {
  await configured().withdraw();
  return null;
});
// What a terminal says is for the master, which ends this one by its link.
process.on('SIGINT', () => undefined);
peer.start();
