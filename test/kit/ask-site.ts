// One GET on a connection of its own, and what the site that got it saw.
import type { EchoAnswer } from './echo.site.js';
import { WireClient } from './wire-client.js';
import type { Answer, WireOptions } from './wire-client.js';

/** The answer to a GET with `Connection: close`. */
export async function get(
  port: number,
  host: string,
  path = '/',
  options: WireOptions = {},
): Promise<Answer> {
  const client = await WireClient.open(port, options);
  try {
    client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return await client.answer();
  } finally {
    client.close();
  }
}

/** The JSON of an answer of the echo site. */
export function seenBy(answer: Answer): EchoAnswer {
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.toString()}`);
  return JSON.parse(answer.body.toString()) as EchoAnswer;
}

/** What the site saw of a GET. */
export async function askSite(
  port: number,
  host: string,
  path?: string,
  options?: WireOptions,
): Promise<EchoAnswer> {
  return seenBy(await get(port, host, path, options));
}
