// The same site as an app under PM2 in cluster mode; host, port and keys come from the environment.
import { createSiteServer } from './answer.js';

const {
  BENCH_HOST: host = '',
  PORT: port,
  BENCH_KEY: key,
  BENCH_CERT: cert,
  BENCH_HTTP2: http2,
} = process.env;
const secure =
  key === undefined || cert === undefined ? undefined : { key, cert, http2: http2 !== undefined };
createSiteServer(host, secure).listen(Number(port), '127.0.0.1', () => {
  process.send?.('ready');
});
