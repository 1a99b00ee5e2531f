// A worker that was started ahead of need: it has loaded all that it needs but the site's code, and waits until its master
// has a use for it.
import { awaitBegin } from '@vhostd/transport';
import type { WorkerBegin } from '@vhostd/protocol';
import { TriedNode } from './node/tried-node.js';

/** Blocks until then. Its master may end meanwhile; the process ends with it. */
export function waitAsSpare(): WorkerBegin {
  getReady();
  const begin = awaitBegin();
  if (begin === undefined) process.exit(0);
  return begin as WorkerBegin;
}

/** What most sites load, and what the first connection would compile. What is wrong with this Node is told by the start. */
function getReady(): void {
  for (const name of COMMON_MODULES) process.getBuiltinModule(name);
  TriedNode.tryOut();
}

const COMMON_MODULES = [
  'node:async_hooks',
  'node:child_process',
  'node:crypto',
  'node:dns/promises',
  'node:fs/promises',
  'node:https',
  'node:http2',
  'node:os',
  'node:perf_hooks',
  'node:querystring',
  'node:readline',
  'node:stream/promises',
  'node:stream/web',
  'node:timers/promises',
  'node:tty',
  'node:util/types',
  'node:v8',
  'node:worker_threads',
  'node:zlib',
];
