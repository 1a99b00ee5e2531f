// The master that `vhostd run` starts: runs the sites of a conf file, or those that its arguments spell out.
import { parseArgs } from 'node:util';
import { toWireError } from '@vhostd/protocol';
import { ConfFile } from './conf/conf-file.js';
import { parseMasterConf } from './conf/parse-conf.js';
import type { MasterConf } from './conf/site-conf.js';
import { master } from './index.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'vhostd.config.json' },
    sites: { type: 'string' },
    'log-level': { type: 'string' },
    watch: { type: 'boolean', default: false },
  },
});

const confFile = values.sites === undefined ? new ConfFile(values.config) : undefined;

/**
 * `--sites` is JSON, its paths absolute. `--log-level` has the last word on the level of the log, `--watch` on what is
 * watched; it is for `vhostd dev`.
 */
async function load(siteId?: string): Promise<MasterConf> {
  const written = (await confFile?.load(siteId)) ?? parseSites(values.sites ?? '[]');
  const conf = values.watch ? developed(written) : written;
  const level = LOG_LEVELS.find((known) => known === values['log-level']);
  return level === undefined ? conf : { ...conf, log: { ...conf.log, level } };
}

/** As `vhostd dev` has it, which tells why a site is broken. */
function developed(conf: MasterConf): MasterConf {
  const sites = conf.sites.map((site) => ({ ...site, watch: true }));
  return { ...conf, sites, log: { ...conf.log, quietOnBroken: true } };
}

function parseSites(json: string): MasterConf {
  return parseMasterConf({ sites: JSON.parse(json) as unknown }, { baseDir: '/' });
}

// From the start: a reload that is asked for while this boots waits, and then takes up what is there.
master.setConfSource(load, confFile?.path);
master.on('loadend', () => {
  run().catch((error: unknown) => master.fail(toWireError(error), BAD_CONF));
});

/** What has served goes on serving, whatever is on disk by now: that takes a reload. */
async function run(): Promise<void> {
  const conf = (await master.rememberedConf()) ?? (await load());
  master.configure(conf);
  for (const site of conf.sites) master.loadSiteConf(site);
  await master.serverRun();
}

/** Exit code of a conf that can't be used. */
const BAD_CONF = 100;
