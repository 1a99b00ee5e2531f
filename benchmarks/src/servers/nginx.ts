// nginx in front of plain Node processes, with kept-alive upstream connections as
// https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive asks for them.
import { behind } from './proxy.js';
import type { Proxy, ProxyPlan } from './proxy.js';
import type { Contender } from './server.js';

export const NGINX: Proxy = {
  name: 'nginx',
  program: 'nginx',
  version: ['-v'],
  files: (plan) => ({ conf: confOf(plan) }),
  args: (directory) => ['-c', `${directory}/conf`, '-p', directory, '-e', `${directory}/error.log`],
};

export const nginx: Contender = behind(NGINX);

function confOf({ directory, port, backends, identity }: ProxyPlan): string {
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const upstreams = [...backends].map(
    ([host, ports]) =>
      `upstream ${host} { ${ports.map((at) => `server 127.0.0.1:${at};`).join(' ')} keepalive 64; }`,
  );
  const tls =
    identity === undefined ? '' : `ssl_certificate ${identity.cert}; ssl_certificate_key ${identity.key};`;
  const servers = [...backends.keys()].map(
    (host) => `server {
    listen 127.0.0.1:${port}${identity === undefined ? '' : ' ssl http2'};
    server_name ${host};
    ${tls}
    location / {
      proxy_pass http://${host};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
    }
  }`,
  );
  return `daemon off;
worker_processes auto;
pid ${directory}/nginx.pid;
events { worker_connections 4096; }
http {
  access_log off;
  # Of its own accord it would end a connection after 1000 requests.
  keepalive_requests 100000000;
  ${paths.map((name) => `${name}_temp_path ${directory}/${name};`).join('\n  ')}
  ${[...upstreams, ...servers].join('\n  ')}
}
`;
}
