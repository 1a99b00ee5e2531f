// Load over HTTP/2 by h2load of nghttp2: connections with several requests under way each.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LoadGenerator, LoadPlan, LoadResult } from './load-plan.js';

/** Requests under way on a connection. */
export const STREAM_COUNT = 32;

/** Its latencies are not asked for. The first of the hosts is asked for alone. */
export const h2load: LoadGenerator = { name: 'h2load', run };

async function run({ port, hosts, connections, durationMs }: LoadPlan): Promise<LoadResult> {
  const seconds = Math.max(1, Math.round(durationMs / 1000));
  const args = [`-c${connections}`, `-m${STREAM_COUNT}`, '-t1', `-D${seconds}`];
  const at = [`--connect-to=127.0.0.1:${port}`, `https://${hosts[0]}/`];
  const { stdout } = await promisify(execFile)('h2load', [...args, ...at], { maxBuffer: 2 ** 24 });
  const counts = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx$/m
    .exec(stdout)
    ?.slice(1)
    .map(Number);
  const failed = /, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(stdout)?.slice(1).map(Number);
  const protocol = /^Application protocol: (\S+)$/m.exec(stdout)?.[1];
  const [ok = 0, ...others] = counts ?? [];
  if (counts === undefined || failed === undefined || protocol !== 'h2')
    throw new Error(`h2load printed no result of HTTP/2:\n${stdout}`);
  const errors = [...others, ...failed.slice(1)].reduce((sum, count) => sum + count, 0);
  return { requests: ok, seconds, errors, p50Ms: NaN, p99Ms: NaN };
}
