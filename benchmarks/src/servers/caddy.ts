// Caddy in front of plain Node processes, with its default reuse of connections to them.
import type { Proxy, ProxyPlan } from './proxy.js';

export const CADDY: Proxy = {
  name: 'Caddy',
  program: 'caddy',
  version: ['version'],
  files: (plan) => ({ conf: confOf(plan) }),
  args: (directory) => ['run', '--adapter', 'caddyfile', '--config', `${directory}/conf`],
};

function confOf({ port, backends, identity }: ProxyPlan): string {
  const scheme = identity === undefined ? 'http' : 'https';
  const tls = identity === undefined ? '' : `\n  tls ${identity.cert} ${identity.key}`;
  const sites = [...backends].map(
    ([host, ports]) => `${scheme}://${host}:${port} {
  bind 127.0.0.1${tls}
  reverse_proxy ${ports.map((at) => `127.0.0.1:${at}`).join(' ')}
}`,
  );
  return `{
  admin off
  auto_https off
  log {
    level ERROR
  }
}
${sites.join('\n')}
`;
}
