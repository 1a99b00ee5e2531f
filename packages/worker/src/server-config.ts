// `worker.server.setConfig(conf)`: a site hands its whole conf to its server, which takes what it knows.
import type { Server } from 'node:net';

/** A site's server as `worker.server` returns it. */
export type ConfigurableServer = Server & {
  /**
   * Sets `headersTimeout`, `requestTimeout`, `keepAliveTimeout`, `timeout` (ms), `maxConnections`,
   * `maxHeadersCount` and `maxRequestsPerSocket` where the conf names them as numbers; everything else in it is
   * the site's own.
   */
  setConfig(conf: unknown): void;
};

const KNOWN = [
  'headersTimeout',
  'requestTimeout',
  'keepAliveTimeout',
  'timeout',
  'maxConnections',
  'maxHeadersCount',
  'maxRequestsPerSocket',
] as const;

/** Gives a server `setConfig`, unless it has one of its own. */
export function applyServerConfig(server: Server): ConfigurableServer {
  if ('setConfig' in server) return server as ConfigurableServer;
  return Object.assign(server, {
    setConfig(conf: unknown): void {
      if (typeof conf !== 'object' || conf === null) return;
      for (const name of KNOWN) {
        const value: unknown = Reflect.get(conf, name);
        if (typeof value === 'number' && name in server) Reflect.set(server, name, value);
      }
    },
  });
}
