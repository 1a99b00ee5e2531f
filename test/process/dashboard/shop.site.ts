// A site that prints what it is asked for, as markup too, and ends where it is asked to.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

worker.server = createServer((request, response) => {
  if (request.url === '/end') process.exit(3);
  console.log(`asked for ${String(request.url)} <b id="injected">\u001b[31mred`);
  response.end('here');
});
