// A site under vhostd that speaks HTTP/2 itself, with the key and certificate of its conf; its host is as that of the others.
import { worker } from '@vhostd/worker';
import { createSiteServer } from './answer.js';

const { BENCH_KEY: key = '', BENCH_CERT: cert = '' } = process.env;
worker.server = createSiteServer(`${worker.siteId}.test`, { key, cert, http2: true });
