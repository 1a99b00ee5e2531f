// Load by wrk, whose figures come out of a script of its own as JSON.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LoadPlan, LoadResult } from './load-plan.js';

/** Runs wrk with one thread. Its durations are whole seconds. */
export async function wrkLoad(plan: LoadPlan): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-wrk-'));
  try {
    const script = join(directory, 'done.lua');
    await writeFile(script, requestScript(plan) + DONE_SCRIPT);
    const seconds = Math.max(1, Math.round(plan.durationMs / 1000));
    const args = ['-t1', `-c${plan.connections}`, `-d${seconds}s`, '-s', script];
    const { stdout } = await promisify(execFile)('wrk', [...args, `http://127.0.0.1:${plan.port}/`]);
    const line = stdout.split('\n').find((text) => text.startsWith(MARK));
    if (line === undefined) throw new Error(`wrk printed no result:\n${stdout}`);
    return JSON.parse(line.slice(MARK.length)) as LoadResult;
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Called by wrk for each request, whatever its connection. */
function requestScript({ hosts, mode }: LoadPlan): string {
  const headers = mode === 'close' ? ', Connection = "close"' : '';
  const requests = hosts.map((host) => `wrk.format("GET", "/", { Host = "${host}"${headers} })`);
  return `local requests, count = {}, 0
init = function() requests = { ${requests.join(', ')} } end
request = function()
  count = count % ${hosts.length} + 1
  return requests[count]
end
`;
}

const MARK = 'RESULT ';
/** Called by wrk once at the end; its latencies and duration are in µs. */
const DONE_SCRIPT = `done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '${MARK}{"requests":%d,"seconds":%f,"errors":%d,"p50Ms":%f,"p99Ms":%f}\\n',
    summary.requests, summary.duration / 1e6, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
`;
