// A request to the mortal site, whose client knows which process has it before that has answered.
import type { Exchange } from '../../kit/exchange.js';
import { WrongAnswer } from '../../kit/outcome.js';
import type { Random } from '../../kit/random.js';

let lastNumber = 0;

/** A GET of a path that no other has; for the `request` of a load. */
export function mortalExchange(_random: Random, host: string, closes: boolean): Exchange {
  const url = `/${(lastNumber += 1)}`;
  const close = closes ? 'Connection: close\r\n' : '';
  return {
    url,
    bytes: Buffer.from(`GET ${url} HTTP/1.1\r\nHost: ${host}\r\n${close}\r\n`),
    read: async (client, told) => {
      const { status, headers } = await client.head();
      if (status === 200) told.pid = Number(headers['x-pid']);
      const body = (await client.body(headers)).toString();
      if (status !== 200) throw new WrongAnswer(`${url}: status ${status}`);
      told.siteId = body;
      told.closes = headers['connection'] === 'close';
    },
  };
}
