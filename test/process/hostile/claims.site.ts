// A site whose worker asks for other hosts, thousands of them, again and again, as soon as it has been asked for anything;
// it answers how often it has got them.
import { createServer } from 'node:http';
import worker from '@vhostd/worker';

const HOSTS = 9_900;
let count = 0;
let failure = '';
let begun = false;

function hosts(round: number): { host: string; port: number; ipaddress: string }[] {
  const place = { port: 0, ipaddress: '127.0.0.1' };
  const more = Array.from({ length: HOSTS }, (_, index) => ({
    host: `n${index}.r${round % 2}.test`,
    ...place,
  }));
  return [{ host: 'a.test', ...place }, ...more];
}

async function claim(): Promise<void> {
  for (;;) {
    try {
      await worker.updateServerConf({ listen: hosts(count) });
      count += 1;
    } catch (error) {
      failure = String(error);
      return;
    }
  }
}

worker.server = createServer((_request, response) => {
  if (!begun) void claim();
  begun = true;
  response.end(JSON.stringify({ count, failure }));
});
