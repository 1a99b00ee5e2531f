// The conf of `vhostd edge`: where the fleet is, and where HAProxy is.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { VhostError } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';

/** What the file says, with its defaults; paths are absolute. */
export interface EdgeConf {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Where haproxy.cfg, the maps, the sockets and the last state are. */
  readonly dir: string;
  /** HAProxy's program, which looks at a conf before it is used. */
  readonly haproxy: string;
  /** The socket of HAProxy's master (`-S`). */
  readonly masterSocket: string;
  /** Addresses in clear, such as `:80`. */
  readonly http: readonly string[];
  /** Addresses of TLS, which sites decrypt. */
  readonly https: readonly string[];
}

/** @throws {VhostError} ERR_FLEET_CONF. */
export function loadEdgeConf(file: string): EdgeConf {
  let written: unknown;
  try {
    written = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw refused(file, cause instanceof Error ? cause.message : String(cause));
  }
  const { success, data, error } = edgeConf.safeParse(written);
  if (!success) {
    const lines = error.issues.map(({ path, message }) => `${fieldOf(path)}: ${message}`);
    throw refused(file, lines.join('; '));
  }
  const base = dirname(resolve(file));
  const absolute = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : resolve(base, path);
  const dir = resolve(base, data.dir);
  if (!PLAIN_PATH.test(dir)) throw refused(file, 'dir: its path may have letters, digits and ./_- only');
  return {
    ...data,
    dir,
    masterSocket:
      data.masterSocket === undefined ? resolve(dir, 'master.sock') : resolve(base, data.masterSocket),
    ca: absolute(data.ca),
    cert: absolute(data.cert),
    key: absolute(data.key),
  };
}

/** As in JavaScript: `http[0]`. */
function fieldOf(path: readonly PropertyKey[]): string {
  const text = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
  return text === '' ? 'the conf' : text.replace(/^\./, '');
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}

function refused(file: string, why: string): VhostError {
  return new VhostError('ERR_FLEET_CONF', `${file}: ${why}`, { info: { file } });
}

/** It stands in HAProxy's conf. */
const PLAIN_PATH = /^[A-Za-z0-9./_-]+$/;
const BIND = "an address such as ':80'";
const bind = z
  .string()
  .regex(/^(?:[0-9.]*|\*|\[[0-9a-fA-F:]+\]):\d{1,5}$/, { error: BIND })
  .refine((text) => isPort(Number(text.split(':').at(-1))), { error: BIND });
const ENDPOINT = "a URL such as 'http://10.0.0.1:2379'";
const endpoint = z
  .string()
  .regex(/^https?:\/\/[^/\s?#@]+$/, { error: ENDPOINT })
  .refine((url) => URL.canParse(url), { error: ENDPOINT });
const ENDPOINTS = 'a list of URLs, at least one';
const edgeConf = z.strictObject({
  endpoints: z.array(endpoint, { error: ENDPOINTS }).min(1, { error: ENDPOINTS }),
  prefix: z
    .string()
    .regex(/^(?:\/[A-Za-z0-9._-]+)+$/, { error: "a path such as '/vhostd/v1'" })
    .default('/vhostd/v1'),
  user: z.string().optional(),
  password: z.string().optional(),
  ca: z.string().optional(),
  cert: z.string().optional(),
  key: z.string().optional(),
  dir: z.string().default('/var/lib/vhostd-edge'),
  haproxy: z.string().default('haproxy'),
  masterSocket: z.string().optional(),
  http: z.array(bind).default([':80']),
  https: z.array(bind).default([':443']),
});
