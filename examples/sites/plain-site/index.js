// A site in plain node:http, as an ES module, with hooks around its start and its end.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

worker.server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(
    `The plain site is up.

site        ${worker.siteId}
worker      ${worker.id}
process     ${process.pid}
generation  ${worker.generation}
host        ${request.headers.host}
path        ${request.url}
`,
  );
});

worker.lifecycle({
  // Connect a database here: nobody is sent to this worker before it is done.
  started: async () => console.log(`${worker.id} is ready`),
  // And disconnect it here: every connection has ended.
  stopped: async () => console.log(`${worker.id} is done`),
});
