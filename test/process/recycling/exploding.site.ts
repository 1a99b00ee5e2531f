// The mortal site with `/explode`, which allocates until the heap is full, in one go.
import type { IncomingMessage } from 'node:http';
import worker from '@vhostd/worker';
import '../handoff/mortal.site.js';

worker.server.on('request', ({ url }: IncomingMessage) => {
  const kept: object[] = [];
  while (url === '/explode') kept.push(Array.from({ length: 1000 }, (_, index) => ({ index })));
});
