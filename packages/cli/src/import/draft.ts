// What an import makes: sites as a conf has them, and what is said of each field that it met.

/** A listen entry, as a conf has it. */
export interface DraftListen {
  type?: 'ssl';
  host?: string;
  port: number;
  ipaddress?: string;
  key?: string;
  cert?: string;
  proxyProtocol?: string[];
  redirect?: 'https';
}

/** A site, as a conf has it: only what differs from the defaults. */
export interface DraftSite {
  siteId: string;
  path?: string;
  workerFile?: string;
  cpuLen?: number;
  server?: false;
  autorestart?: false;
  listen?: DraftListen[];
  workerOptions?: { env?: Record<string, string>; execArgv?: string[]; inheritEnv?: string[] };
  restart?: { intensity?: number; backoffMin?: string; backoffMax?: string };
  [field: string]: unknown;
}

/** What became of a field: it is in the conf as `taken`, or is not, and then there is something to do. */
export type Remark = { readonly field: string } & ({ readonly taken: string } | { readonly todo: string });

/** An app that was found, and the port on which it listens where that is known. */
export interface ImportedApp {
  /** The file that it stood in. */
  readonly source: string;
  readonly site: DraftSite;
  readonly ports: readonly number[];
  readonly remarks: Remark[];
}

/** A block `server` of nginx, or what it sends to one app. */
export interface ImportedServer {
  readonly source: string;
  /** As it is called in the report: its first name, or its address. */
  readonly name: string;
  readonly listen: readonly DraftListen[];
  /** The ports that it sends requests to. */
  readonly ports: readonly number[];
  readonly remarks: Remark[];
  /** The directive by which it sends all requests on to the same host by https. */
  readonly redirect?: string;
}

/** A name as a `siteId` has to be. */
export function toSiteId(name: string): string {
  const id = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').slice(0, 64);
  return /^(?:\.{0,2}|-+)$/.test(id) ? 'site' : id;
}
