// What is to be done about a directive of nginx that has no field of its own in a conf.
import type { Directive } from './nginx-syntax.js';

/** One line. */
export function adviceFor({ name }: Pick<Directive, 'name'>): string {
  const known = Object.entries(ADVICE).find(([pattern]) => new RegExp(`^(?:${pattern})$`).test(name));
  return known?.[1] ?? 'nothing like it: do it in the app, or leave it out';
}

/** Patterns of names → what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  'proxy_http_version|proxy_buffering|proxy_cache_bypass|proxy_redirect|proxy_request_buffering|keepalive|proxy_buffers?(?:_size)?|proxy_busy_buffers_size':
    'leave it out: no proxy stands in between',
  proxy_set_header: 'leave it out: the app has the client itself; Host, Upgrade and the address are its own',
  'real_ip_header|real_ip_recursive': 'leave it out: the address of a PROXY header reaches the app',
  'proxy_(?:read|send|connect)_timeout': "set requestTimeout and timeout of the app's server",
  'proxy_cache.*': 'cache in the app, or keep a cache in front (docs/load-balancers.md)',
  'return|rewrite|if|error_page|try_files':
    'answer so in the app; from http to https: "redirect": "https" of the listen entry',
  'root|index|alias|autoindex|expires': 'serve the files in the app (express.static, @fastify/static, …)',
  'gzip.*|brotli.*': 'compress in the app (compression, @fastify/compress)',
  'add_header|more_set_headers': 'set the header in the app (helmet, or by hand)',
  client_max_body_size: 'limit the body in the app (express.json({ limit }), bodyLimit of Fastify)',
  'client_header_timeout|client_body_timeout|keepalive_timeout|send_timeout|keepalive_requests':
    "set headersTimeout, requestTimeout, keepAliveTimeout of the app's server",
  'client_header_buffer_size|large_client_header_buffers': 'limits.headMaxSize',
  'ssl_protocols|ssl_ciphers|ssl_prefer_server_ciphers|ssl_ecdh_curve|ssl_conf_command':
    "Node's defaults are good; else options of the app's own https server",
  'ssl_session_.*|ssl_buffer_size|ssl_stapling.*|ssl_dhparam|ssl_trusted_certificate|resolver.*':
    'leave it out: Node resumes sessions; there is no OCSP stapling',
  'ssl_client_certificate|ssl_verify_.*': "requestCert and ca of the app's own https server",
  ssl_password_file: 'listen[].passphrase',
  http2: 'the app speaks HTTP/2: http2.createSecureServer({ allowHTTP1: true }, app)',
  'access_log|log_format': 'accessLog, in the combined form or as JSON',
  error_log: 'logError',
  'auth_basic.*|auth_request.*|satisfy': 'ask for it in the app',
  'allow|deny': 'refuse addresses in the app, or in the firewall',
  'limit_(?:req|conn|rate).*': 'limit in the app (express-rate-limit); maxConnections of its server',
  include: 'it could not be read: run the import as a user who may',
  'least_conn|zone': 'leave it out: "balance": "least" is so by default',
  'ip_hash|hash': '"balance": "ip-hash"',
  'keepalive_.*': 'leave it out: no proxy stands in between',
  'user|pid|daemon|env|load_module|master_process|pcre_jit|thread_pool|timer_resolution|worker_.*':
    'leave it out: that is of nginx itself',
  'stream|mail':
    'no HTTP: a site with "server": false listens by itself (docs/apps.md); else keep nginx for it',
  'map|geo|split_clients|set': 'do it in the app',
  'server_tokens|tcp_nodelay|tcp_nopush|sendfile|charset|etag|default_type|types|merge_slashes|underscores_in_headers|ignore_invalid_headers':
    'leave it out',
  'fastcgi_.*|uwsgi_.*|scgi_.*|grpc_.*': 'not a Node server: keep nginx for it',
};
