// The master that `vhostd run` starts: reads a conf file and runs its sites.
import { parseArgs } from 'node:util';
import { toWireError } from '@vhostd/protocol';
import { loadConf } from './conf/load-conf.js';
import { master } from './index.js';

const { values } = parseArgs({ options: { config: { type: 'string', default: 'vhostd.config.json' } } });

master.on('loadend', () => {
  loadConf(values.config).then(
    (conf) => {
      master.setConfSource(() => loadConf(values.config));
      master.configure(conf);
      for (const site of conf.sites) master.loadSiteConf(site);
      return master.serverRun();
    },
    (error: unknown) => master.fail(toWireError(error), BAD_CONF),
  );
});

/** Exit code of a conf that can't be used. */
const BAD_CONF = 100;
