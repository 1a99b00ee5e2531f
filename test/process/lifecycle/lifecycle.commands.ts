// What the master process of these tests can be told besides the rig's own commands.
import master from '@vhostd/master';
import type { RigCommands } from '../../kit/rig-messages.js';

export const commands: RigCommands = {
  loadSite: (site) => master.loadSite(site),
  /** One site alone, with the conf that it was loaded with. */
  reloadSite: (siteId) => master.reLoadSite(String(siteId)),
};
