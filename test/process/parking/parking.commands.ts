// What the master process of these tests can be told besides the rig's own commands.
import master from '@vhostd/master';
import type { MaintenanceOptions, PauseOptions } from '@vhostd/protocol';
import type { RigCommands } from '../../kit/rig-messages.js';

export const commands: RigCommands = {
  pause: (params) => {
    const { siteId, options } = params as { siteId: string; options?: PauseOptions };
    return master.pauseSite(siteId, options);
  },
  resume: (siteId) => master.resumeSite(String(siteId)),
  maintenance: (params) => {
    const { siteId, options } = params as { siteId: string; options: MaintenanceOptions | null };
    return master.maintenance(siteId, options);
  },
};
