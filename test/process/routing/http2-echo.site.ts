// A site whose server speaks HTTP/2 by itself, and HTTP/1: says which site it is.
import { createSecureServer } from 'node:http2';
import worker from '@vhostd/worker';

const { key = '', cert = '' } = process.env;
worker.server = createSecureServer({ allowHTTP1: true, key, cert }, (_request, response) => {
  response.setHeader('x-site', worker.siteId);
  response.end();
});
