// `vhostd top --json`: what the screen shows, a line a second, for programs.
import { setTimeout as delay } from 'node:timers/promises';
import { EXIT_CODES, WorkerRates } from '@vhostd/daemon/client';
import type { DaemonClient } from '@vhostd/daemon/client';
import { rowsOf } from './rows.js';

/** Prints until whoever reads is gone. Rejects as {@link DaemonClient.status}: the daemon has stopped. */
export async function printRows(client: Pick<DaemonClient, 'status' | 'follow'>): Promise<number> {
  const rates = new WorkerRates();
  const reader = new AbortController();
  const { signal } = reader;
  process.stdout.once('error', () => reader.abort());
  const onEvent = rates.take.bind(rates);
  // That the daemon has stopped, the next status tells.
  const following = client.follow({ signal, onEvent }).catch(() => undefined);
  try {
    while (!signal.aborted) {
      const status = await client.status();
      const rows = rowsOf(status, { sort: 'conf', filter: '', rateOf: rates.of.bind(rates) });
      process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), rows })}\n`);
      await delay(EACH_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    reader.abort();
    await following;
  }
  return EXIT_CODES.ok;
}

const EACH_MS = 1_000;
