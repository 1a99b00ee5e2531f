// A site that ends as its environment says: STOPPED is what its hook `stopped` does, STARTED its hook `started`; `hangs`
// or `throws`. With SERVER=none it has no server.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const { SERVER, STARTED, STOPPED } = process.env;
const holds = setInterval(() => undefined, 60_000);

function does(what: string | undefined): Promise<void> | void {
  if (what === 'throws') throw new Error('as the test asked');
  return what === 'hangs' ? new Promise(() => undefined) : undefined;
}

worker.lifecycle({ started: () => does(STARTED), stopped: () => does(STOPPED) });
if (SERVER !== 'none') {
  holds.unref();
  worker.server = createServer((_request, response) => response.end('here'));
}
