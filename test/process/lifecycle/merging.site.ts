// A site whose conf file says where it is served, and whose `merged` adds what FIELD names to that: a host or a hook
// that fails.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

worker.lifecycle({
  merged: (conf) => {
    const [first] = conf.listen ?? [];
    if (process.env['FIELD'] === 'failure') throw new Error(`nothing to add to ${first?.host}`);
    if (first !== undefined) conf.listen?.push({ ...first, host: 'added.test' });
  },
});
worker.server = createServer((_request, response) => response.end('merged'));
