// HAProxy in front of plain Node processes, with its default reuse of connections to them.
import { readFile } from 'node:fs/promises';
import type { Proxy, ProxyPlan } from './proxy.js';

export const HAPROXY: Proxy = {
  name: 'HAProxy',
  program: 'haproxy',
  version: ['-v'],
  files: async (plan) => {
    const { identity } = plan;
    if (identity === undefined) return { conf: confOf(plan) };
    // It reads both out of one file.
    const parts = [identity.cert, identity.key].map((file) => readFile(file, 'utf8'));
    const pem = (await Promise.all(parts)).join('\n');
    return { conf: confOf(plan), 'site.pem': pem };
  },
  args: (directory) => ['-db', '-f', `${directory}/conf`],
};

function confOf({ directory, port, backends, identity }: ProxyPlan): string {
  const tls = identity === undefined ? '' : ` ssl crt ${directory}/site.pem alpn h2,http/1.1`;
  const routes = [...backends.keys()].map((host) => `  use_backend ${host} if { hdr(host) -i ${host} }`);
  const pools = [...backends].flatMap(([host, ports]) => [
    `backend ${host}`,
    '  http-reuse safe',
    ...ports.map((at, index) => `  server s${index} 127.0.0.1:${at}`),
  ]);
  return `global
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind 127.0.0.1:${port}${tls}
${routes.join('\n')}
${pools.join('\n')}
`;
}
