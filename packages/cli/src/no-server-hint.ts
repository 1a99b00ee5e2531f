// What somebody is told who has started a program that does not listen: whether it ever will, only they know.
import type { DaemonClient } from '@vhostd/daemon/client';
import { CLEAR_LINE } from '@vhostd/protocol';
import { printableLine } from './printable.js';
import { shown } from './usage-error.js';

/**
 * Says on standard error, once, that a site does not listen yet, where its first worker has taken {@link HINT_MS} to
 * boot; `next` is what to type if it is to serve nobody. Call what it returns when the site is up, or has failed.
 */
export function hintAtSilence(client: DaemonClient, siteId: string, next: string): () => void {
  const timer = setTimeout(() => {
    void client.status().then(
      ({ sites }) => {
        const site = sites.find((one) => one.siteId === siteId);
        if (site?.state !== 'booting' || !site.workers.some(({ state }) => state === 'booting')) return;
        const text = `vhostd: ${siteId} does not listen yet; if it serves nobody (a queue worker, a bot), type:`;
        const lines = [shown(printableLine(text)), `  ${printableLine(next)}`];
        process.stderr.write(`${process.stderr.isTTY ? CLEAR_LINE : ''}${lines.join('\n')}\n`);
      },
      () => undefined,
    );
  }, HINT_MS);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Most apps listen within it, ms. */
const HINT_MS = 5_000;
