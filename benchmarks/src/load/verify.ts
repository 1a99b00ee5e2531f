// Looks at whole answers, which a load generator does not: each host of a server must be answered by its own site.
import { request } from 'node:http';
import { request as requestSecure } from 'node:https';
import { answerOf } from '../processes/answer.js';
import type { Running } from '../servers/server.js';

/**
 * Asks for each host some times, every time over a new connection.
 * @throws {Error} for the first answer that is not the right one.
 */
export async function verifyAnswers({
  port,
  hosts,
  secure = false,
}: Pick<Running, 'port' | 'hosts' | 'secure'>): Promise<void> {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const host of hosts) {
      const { status, body } = await get(port, host, secure);
      if (status !== 200 || body !== answerOf(host)) {
        throw new Error(`${host} on port ${port} answered ${status} ${JSON.stringify(body.slice(0, 80))}`);
      }
    }
  }
}

function get(port: number, host: string, secure: boolean): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const open = secure ? requestSecure : request;
    const tls = secure ? { servername: host, rejectUnauthorized: false } : {};
    open({ port, host: '127.0.0.1', agent: false, headers: { Host: host }, ...tls }, (response) => {
      let body = '';
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

const ROUNDS = 4;
