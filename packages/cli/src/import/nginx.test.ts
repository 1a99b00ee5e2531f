import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ImportedServer, Remark } from './draft.js';
import { serversOf, unreadIncludes } from './nginx.js';
import { parseNginx } from './nginx-syntax.js';

function servers(text: string): ImportedServer[] {
  return serversOf(parseNginx(text, 'f'), 'f');
}

function left(remarks: readonly Remark[]): string[] {
  return remarks.flatMap((remark) => ('todo' in remark ? [remark.field] : []));
}

void it('a server gives hosts, addresses, keys and the port of its app', () => {
  const [server] = servers(`
    http { ssl_certificate /c.pem; ssl_certificate_key /k.pem;
      upstream app { least_conn; server 127.0.0.1:3000; server 127.0.0.1:3001; }
      server { server_name a.test .b.test; listen 80; listen [::]:80; listen 10.0.0.1:443 ssl default_server;
        location / { proxy_pass http://app; } } }`);
  const keys = { key: '/k.pem', cert: '/c.pem' };
  const secure = { type: 'ssl', port: 443, ipaddress: '10.0.0.1', ...keys };
  assert.deepEqual(server?.listen, [
    { host: 'a.test', port: 80 },
    { host: 'b.test', port: 80 },
    { host: '*.b.test', port: 80 },
    { ...secure, host: 'a.test' },
    { ...secure, host: 'b.test' },
    { ...secure, host: '*.b.test' },
    // the default of its address
    secure,
  ]);
  assert.deepEqual(server?.ports, [3000, 3001]);
  assert.deepEqual(left(server?.remarks ?? []), ['upstream app: least_conn']);
});

void it('a server without names, or without listen, is the default of port 80', () => {
  for (const text of ['server { server_name _; proxy_pass http://127.0.0.1:1; }', 'server { listen 80; }']) {
    assert.deepEqual(servers(text)[0]?.listen, [{ port: 80 }]);
  }
});

void it('a PROXY header is taken from the balancers that are named', () => {
  const [server] = servers(
    'set_real_ip_from 10.0.0.0/8; server { listen 81 proxy_protocol; server_name a.test; }',
  );
  assert.deepEqual(server?.listen, [{ host: 'a.test', port: 81, proxyProtocol: ['10.0.0.0/8'] }]);
  const [unnamed] = servers('server { listen 81 proxy_protocol; server_name a.test; }');
  assert.deepEqual(left(unnamed?.remarks ?? []), ['listen … proxy_protocol']);
});

void it('each directive that is not taken is named, with what to do', () => {
  const [server] =
    servers(`server { listen unix:/s; listen 443 ssl http2; server_name ~^x a.*; root /srv; made_up 1;
    location /api/ { proxy_pass http://127.0.0.1:4000/; proxy_set_header X y; }
    location ~ \\.css$ { root /srv; } location = /old { return 410; } location / { proxy_pass http://127.0.0.1:3000; gzip on; } }`);
  assert.deepEqual(left(server?.remarks ?? []), [
    'server_name ~^x',
    'server_name a.*',
    'listen unix:/s',
    'listen … http2',
    'location /api/',
    'location ~ \\.css$',
    'location = /old',
    'gzip on',
    'root /srv',
    'made_up 1',
  ]);
  assert.deepEqual(server?.ports, [3000]);
  for (const remark of server?.remarks ?? []) if ('todo' in remark) assert.notEqual(remark.todo, '');
});

void it('what cannot be read is named', () => {
  assert.deepEqual(
    unreadIncludes(parseNginx('http { include /absent/*.conf; server { include x; } }', 'f')),
    ['/absent/*.conf', 'x'],
  );
});

void it('what is said of an upstream is told, and a server on another machine is no app of this one', () => {
  const [server, far, direct] = servers(`
    upstream app { ip_hash; server 127.0.0.1:3000 weight=3; server [::1]:3001; server 10.0.0.5:3002 backup; keepalive 8; }
    upstream far { server 10.0.0.5:80; }
    server { server_name a.test; location / { proxy_pass http://app; } }
    server { server_name b.test; location / { proxy_pass http://far; } }
    server { server_name c.test; proxy_pass http://db.test:5000; }`);
  assert.deepEqual([server?.ports, far?.ports, direct?.ports], [[3000, 3001], [], []]);
  assert.deepEqual(left(server?.remarks ?? []), [
    'upstream app: server 10.0.0.5:3002',
    'upstream app: ip_hash',
    'upstream app: server 127.0.0.1:3000 weight=3',
    'upstream app: server 10.0.0.5:3002 backup',
    'upstream app: keepalive 8',
  ]);
  assert.deepEqual(left(far?.remarks ?? []), ['upstream far: server 10.0.0.5:80', 'proxy_pass http://far']);
  assert.deepEqual(left(direct?.remarks ?? []), [
    'proxy_pass db.test:5000',
    'proxy_pass http://db.test:5000',
  ]);
});

void it('a server whose names are expressions is the default of no address', () => {
  const [server] = servers(
    'server { listen 80; server_name ~^(.+)\\.a\\.test$; proxy_pass http://127.0.0.1:1; }',
  );
  assert.deepEqual(server?.listen, []);
});

void it('what stands around the servers is told, too', () => {
  const [, around] = servers(
    'user www; events {} stream { server { listen 25; } } http { gzip on; include x; map $a $b { } server { listen 80; } }',
  );
  assert.deepEqual(
    [around?.listen, left(around?.remarks ?? [])],
    [[], ['user www', 'stream', 'gzip on', 'map $a $b']],
  );
  assert.equal(servers('upstream a { server 127.0.0.1:1; } server { listen 80; }').length, 1);
});

void it('a server that sends all clients on to https is told from one that sends them elsewhere', () => {
  const sent = (body: string, names = 'a.test b.test'): string | undefined =>
    servers(`server { listen 80; server_name ${names}; ${body} }`)[0]?.redirect;
  assert.equal(sent('return 301 https://$host$request_uri;'), 'return 301 https://$host$request_uri');
  assert.equal(
    sent('location / { return 308 https://$server_name$request_uri; }'),
    'return 308 https://$server_name$request_uri',
  );
  assert.equal(sent('rewrite ^(.*)$ https://$host$1 permanent;'), 'rewrite ^(.*)$ https://$host$1 permanent');
  // As certbot writes it.
  assert.equal(
    sent('if ($host = a.test) { return 301 https://$host$request_uri; } return 404;', 'a.test'),
    'return 301 https://$host$request_uri',
  );
  assert.equal(
    sent('return 301 https://a.test$request_uri;', 'a.test'),
    'return 301 https://a.test$request_uri',
  );
  assert.equal(sent('return 301 https://a.test$request_uri;'), undefined);
  assert.equal(sent('return 301 https://$host/shop;'), undefined);
  assert.equal(sent('return 200 https://$host$request_uri;'), undefined);
  assert.equal(
    sent(
      'location / { proxy_pass http://127.0.0.1:1; } location /x { return 301 https://$host$request_uri; }',
    ),
    undefined,
  );
});
