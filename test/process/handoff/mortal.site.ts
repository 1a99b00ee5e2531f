// A site that says at once which process has a request and answers 100 ms later, so that a death in between shows
// whose requests it took along. What it begins it writes into the file RECORD. `/poison` kills the process that reads it.
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const record = process.env['RECORD'];

worker.server = createServer((request, response) => {
  if (request.url === '/poison') throw new Error('poisoned, as the test asked');
  if (record !== undefined) appendFileSync(record, `${request.url} ${process.pid}\n`);
  response.writeHead(200, { 'X-Pid': process.pid, 'Content-Length': worker.siteId.length });
  response.flushHeaders();
  setTimeout(() => response.end(worker.siteId), 100);
});
