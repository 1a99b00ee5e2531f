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
  const appless: ImportedServer[] = [];
  for (const server of servers) {
    const [port] = server.ports;
    const app = known.find(({ ports }) => server.ports.some((each) => ports.includes(each)));
    if (app !== undefined) app.servers.push(server);
    else if (port === undefined) appless.push(server);
    else
      known.push({ ...appAt(server.ports, port, runningAt(port)), source: server.source, servers: [server] });
  }
  const left = appless.flatMap((server) => sendOn(server, known));
  const ids = new Set<string>();
  return { sites: known.map((app) => joined(app, ids)), left };
}

/** Gives what only leads to https to the sites that serve its hosts by TLS; what no site serves so is left. */
function sendOn(
  server: ImportedServer,
  known: readonly { readonly servers: ImportedServer[] }[],
): ImportedServer[] {
  const { redirect, ...rest } = server;
  if (redirect === undefined) return [server];
  const taken = new Set<DraftListen>();
  for (const { servers } of known) {
    const secure = new Set(
      servers.flatMap(({ listen }) => listen.filter(({ type }) => type === 'ssl').map(({ host }) => host)),
    );
    const own = server.listen.filter((entry) => entry.type === undefined && secure.has(entry.host));
    if (own.length === 0) continue;
    for (const entry of own) taken.add(entry);
    servers.push({
      ...rest,
      listen: own.map((entry) => ({ ...entry, redirect: 'https' })),
      remarks: [...rest.remarks, { field: redirect, taken: 'listen[].redirect' }],
    });
  }
  const listen = server.listen.filter((entry) => !taken.has(entry));
  if (listen.length === 0 && taken.size > 0) return [];
  const hosts = [...new Set(listen.map(({ host = 'every host' }) => host))];
  const todo = `no site serves ${hosts.join(', ')} by TLS: "redirect": "https" of a listen entry of the one that will`;
  return [{ ...rest, listen, remarks: [...rest.remarks, { field: redirect, todo }] }];
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
    const listen = servers.flatMap((server) => server.listen.map((entry): DraftListen => ({ ...entry })));
    if (listen.length > 0) site.listen = listen;
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
