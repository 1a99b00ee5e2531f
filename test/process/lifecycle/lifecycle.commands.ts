// What the master process of these tests can be told besides the vhostd's own commands.
import master from '@vhostd/master';
import type { Commands } from '../../kit/orders.js';

export const commands: Commands = {
  loadSite: (site) => master.loadSite(site),
  /** One site alone, with the conf that it was loaded with. */
  reloadSite: (siteId) => master.reLoadSite(String(siteId)),
};
