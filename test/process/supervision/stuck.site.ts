// A site that answers with its pid at once, and with /block/MS blocks its event loop before; with /slow/MS it waits.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

worker.server = createServer((request, response) => {
  const [, what, time] = (request.url ?? '').split('/');
  const ms = Number(time ?? 0);
  const untilMs = performance.now() + ms;
  if (what === 'block') while (performance.now() < untilMs);
  setTimeout(() => response.end(String(process.pid)), what === 'slow' ? ms : 0);
});
