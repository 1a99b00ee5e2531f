// What is in the store, and where: read by others, and written by machines that nobody has to trust further than this.
import { isIP } from 'node:net';
import { z } from '@vhostd/protocol/schemas';

/** Of machines and edges. Letters, digits and hyphens: it becomes a word of HAProxy's conf. */
export const MACHINE_PATTERN: RegExp = /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})$/;

/** A host in its normal form, `*.suffix`, `*` for the default of an address, or an IPv6 address in brackets. */
const HOST_PATTERN = /^(?:\*|(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\])$/;
const HOST_MAX_CHARS = 255;
const SITE_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;
const PATH_PATTERN = /^\/[A-Za-z0-9/._~%-]{0,255}$/;

const ip = z
  .string()
  .max(45)
  .refine((text) => isIP(text) !== 0 && !text.includes('%'));
const port = z.int().min(1).max(65_535);
const proxy = z.enum(['v2', 'none']);

/** One way to reach a host on a machine. */
export interface HostListen {
  readonly port: number;
  /** `passthrough`: TLS, which the site itself decrypts. `none`: HTTP in clear. */
  readonly tls: 'passthrough' | 'none';
  /** Whether a connection is to begin with a header of the PROXY protocol, version 2. */
  readonly proxy: 'v2' | 'none';
}

/** `hosts/<host>/<machine>`: a machine answers for a host. */
export interface HostRecord {
  readonly address: string;
  readonly site: string;
  /** `drain`: the machine is about to stop answering for it. */
  readonly state: 'up' | 'drain';
  /** 1..256. */
  readonly weight: number;
  readonly generation: number;
  readonly listen: readonly HostListen[];
}

/** `sites/<site>/<machine>`: a machine has a site that serves. */
export interface SiteRecord {
  readonly state: 'up' | 'drain';
  readonly generation: number;
}

/** `machines/<machine>`: written behind all else of the machine, so that what is not there then, it does not have. */
export interface MachineRecord {
  readonly address: string;
  readonly version: string;
  /** When its vhostd began to publish, ISO 8601. */
  readonly started: string;
  readonly lease: string;
  /** An operator has taken it out: all of its hosts are in drain. */
  readonly drained?: true;
  /** Where it says whether it serves. Without a path a connection is all that can be tried; absent: nothing. */
  readonly health?: { readonly port: number; readonly path?: string; readonly proxy: 'v2' | 'none' };
}

/** `edges/<edge>`: an edge, and how far it is. Under a lease of its own. */
export interface EdgeRecord {
  readonly version: string;
  /** Its HAProxy leads clients as hosts and machines were at this revision of the store. */
  readonly revision: string;
  /** Whether its HAProxy answers. */
  readonly haproxy: 'answers' | 'fails';
  /** Machines that it leads to though they are in drain, as nobody else is left: for how many hosts. */
  readonly kept: Readonly<Record<string, number>>;
}

export const hostRecord: z.ZodType<HostRecord> = z.object({
  address: ip,
  site: z.string().regex(SITE_PATTERN),
  state: z.enum(['up', 'drain']),
  weight: z.int().min(1).max(256),
  generation: z.int().min(0),
  listen: z
    .array(z.object({ port, tls: z.enum(['passthrough', 'none']), proxy }))
    .min(1)
    .max(16),
});

export const siteRecord: z.ZodType<SiteRecord> = z.object({
  state: z.enum(['up', 'drain']),
  generation: z.int().min(0),
});

export const machineRecord: z.ZodType<MachineRecord> = z.object({
  address: ip,
  version: z.string().max(64),
  started: z.string().max(64),
  lease: z.string().regex(/^\d{1,20}$/),
  drained: z.literal(true).exactOptional(),
  health: z.object({ port, path: z.string().regex(PATH_PATTERN).exactOptional(), proxy }).exactOptional(),
});

export const edgeRecord: z.ZodType<EdgeRecord> = z.object({
  version: z.string().max(64),
  revision: z.string().regex(/^\d{1,20}$/),
  haproxy: z.enum(['answers', 'fails']),
  kept: z.record(z.string().regex(MACHINE_PATTERN), z.int().min(1)),
});

/** What a key is about. */
export type KeyName =
  | { readonly kind: 'machine'; readonly machine: string }
  | { readonly kind: 'edge'; readonly edge: string }
  | { readonly kind: 'host'; readonly host: string; readonly machine: string }
  | { readonly kind: 'site'; readonly site: string; readonly machine: string };

export function keyOf(prefix: string, name: KeyName): string {
  if (name.kind === 'machine') return `${prefix}/machines/${name.machine}`;
  if (name.kind === 'edge') return `${prefix}/edges/${name.edge}`;
  if (name.kind === 'host') return `${prefix}/hosts/${name.host}/${name.machine}`;
  return `${prefix}/sites/${name.site}/${name.machine}`;
}

/** Undefined: it is none of ours, or nothing that may be used. */
export function parseKey(prefix: string, key: string): KeyName | undefined {
  if (!key.startsWith(`${prefix}/`)) return undefined;
  const [folder, first = '', second = '', ...rest] = key.slice(prefix.length + 1).split('/');
  if (rest.length > 0) return undefined;
  if (folder === 'machines' || folder === 'edges') {
    if (second !== '' || !MACHINE_PATTERN.test(first)) return undefined;
    return folder === 'machines' ? { kind: 'machine', machine: first } : { kind: 'edge', edge: first };
  }
  if (!MACHINE_PATTERN.test(second)) return undefined;
  if (folder === 'hosts' && first.length <= HOST_MAX_CHARS && HOST_PATTERN.test(first)) {
    return { kind: 'host', host: first, machine: second };
  }
  if (folder === 'sites' && SITE_PATTERN.test(first)) return { kind: 'site', site: first, machine: second };
  return undefined;
}

/** Undefined: it is no JSON, or not of this shape. */
export function parseRecord<Value>(schema: z.ZodType<Value>, text: string): Value | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
