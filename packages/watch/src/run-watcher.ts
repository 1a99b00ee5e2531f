// The process that watches the files of sites: a master starts it where a site wants that, and it ends with its master.
import type { MasterToWatcher, WatcherToMaster } from '@vhostd/protocol';
import { decoding, masterToWatcher } from '@vhostd/protocol/schemas';
import { openParentLink, Peer } from '@vhostd/transport';
import { WatchedSites } from './watched-sites.js';

const link = openParentLink();
if (link === undefined) {
  console.error('this program is started by a master of vhostd');
  process.exit(2);
}
const peer = new Peer<WatcherToMaster, MasterToWatcher>(link, {
  name: 'the master',
  onEnd: () => process.exit(),
});
const sites = new WatchedSites({
  watching: (told) => peer.notify('watching', told),
  changed: (told) => peer.notify('changed', told),
  problem: (told) => peer.notify('problem', told),
});
peer.handle('ping', () => null);
peer.handle(
  'watch',
  decoding(masterToWatcher, 'watch', (asked) => {
    sites.watch(asked.sites);
    return null;
  }),
);
// What a terminal says is for the master, which ends this one by its link.
process.on('SIGINT', () => undefined);
peer.start();
