// Apps and servers become sites: a server of nginx gives the app behind its port hosts and addresses.
import path from 'node:path';
import type { DraftListen, DraftSite, ImportedApp, ImportedServer, Remark } from './draft.js';
import { toSiteId } from './draft.js';

/** One site of the conf, with what is said of it. */
export interface JoinedSite {
  readonly source: string;
  readonly site: DraftSite;
  readonly remarks: readonly Remark[];
  /** The servers of nginx that lead to it. */
  readonly servers: readonly ServerRemarks[];
}

/** What is said of a server of nginx. */
export interface ServerRemarks {
  readonly source: string;
  readonly name: string;
  readonly remarks: readonly Remark[];
}

/** A program that listens on a port now. */
export interface RunningApp {
  readonly cwd: string;
  readonly file: string;
}

/**
 * Pure but for `runningAt`.
 * @param runningAt Which program of Node listens on a port of this machine now.
 */
export function joinSources(
  apps: readonly ImportedApp[],
  servers: readonly ImportedServer[],
  runningAt: (port: number) => RunningApp | undefined,
): { sites: JoinedSite[]; left: ServerRemarks[] } {
  const known = apps.map((app) => ({ ...app, servers: [] as ImportedServer[] }));
  const left: ServerRemarks[] = [];
  for (const server of servers) {
    const [port] = server.ports;
    const app = known.find(({ ports }) => server.ports.some((each) => ports.includes(each)));
    if (app !== undefined) app.servers.push(server);
    else if (port === undefined) left.push(server);
    else
      known.push({ ...appAt(server.ports, port, runningAt(port)), source: server.source, servers: [server] });
  }
  const ids = new Set<string>();
  return { sites: known.map((app) => joined(app, ids)), left };
}

function joined(
  { source, site: draft, ports, remarks, servers }: ImportedApp & { servers: ImportedServer[] },
  ids: Set<string>,
): JoinedSite {
  const site = { ...draft, siteId: unique(draft.siteId, ids) };
  const said = [...remarks];
  if (site.siteId !== draft.siteId)
    said.push({
      field: `name ${draft.siteId}`,
      todo: `another app has it: this one is called ${site.siteId}`,
    });
  if ('interpreter' in site) {
    // Only programs of Node get connections.
    if (servers.length > 0) said.push({ field: 'listen', todo: 'it listens by itself: keep nginx for it' });
  } else if (servers.length > 0) {
    site.listen = servers.flatMap(({ listen }) => listen.map((entry): DraftListen => ({ ...entry })));
  } else if (ports.length > 0) {
    site.listen = ports.map((port) => ({ port }));
    said.push({
      field: `port ${ports.join(', ')}`,
      taken: 'listen, for every host: name the hosts where sites share it',
    });
  } else if (site.server !== false) {
    said.push({
      field: 'port',
      todo: 'it is not known: write listen, or "server": false for what serves nobody',
    });
  }
  return { source, site: inOrder(site), remarks: said, servers };
}

/** An app of which only nginx knows: where it runs now, its directory is known. */
function appAt(
  ports: readonly number[],
  port: number,
  running: RunningApp | undefined,
): Omit<ImportedApp, 'source'> {
  if (running === undefined) {
    const site = { siteId: `port-${port}`, path: '/path/of/the/app', appPort: port };
    return {
      site,
      ports,
      remarks: [
        {
          field: `the app at port ${port}`,
          todo: 'set path to its directory: nothing of Node listens there now',
        },
      ],
    };
  }
  const { cwd, file } = running;
  const site = { siteId: toSiteId(path.basename(cwd)), path: cwd, workerFile: file, appPort: port };
  return {
    site,
    ports,
    remarks: [{ field: `the app at port ${port}`, taken: `${file}, which listens there now` }],
  };
}

function unique(siteId: string, ids: Set<string>): string {
  let found = siteId;
  for (let number = 2; ids.has(found); number += 1) found = `${siteId.slice(0, 60)}-${number}`;
  ids.add(found);
  return found;
}

/** What is read first stands first. */
function inOrder(site: DraftSite): DraftSite {
  const { siteId, path: directory, workerFile, cpuLen, listen, ...rest } = site;
  const first = { path: directory, workerFile, cpuLen, listen };
  return {
    siteId,
    ...Object.fromEntries(Object.entries(first).filter(([, value]) => value !== undefined)),
    ...rest,
  };
}
