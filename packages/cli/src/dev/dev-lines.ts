// What `vhostd dev` tells of a daemon whose sites are all watched: where each is reached, what changes and what comes of
// it.
import type { DaemonClient } from '@vhostd/daemon/client';
import type { MasterEvent } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { siteUrls } from '../addresses.js';
import { siteDetailOf } from '../site-detail.js';
import { describeError } from '../errors.js';
import { printableLine } from '../printable.js';

export class DevLines {
  readonly #client: DaemonClient;
  /** Sites of which it is said where they are. */
  readonly #shown = new Set<string>();
  readonly #changedMs = new Map<string, number>();
  #begun = false;

  constructor(client: DaemonClient) {
    this.#client = client;
  }

  /** The sites are published or have failed. A master that took the place of a dead one changes nothing. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#client
      .follow({
        onEvent: (event) => void this.#tell(event).catch((error: unknown) => say(describeError(error))),
      })
      .catch((error: unknown) => say(describeError(error)));
  }

  async #tell({ event, payload }: MasterEvent): Promise<void> {
    // Of what was before, the status tells.
    if (event === 'subscribed') return await this.#showSites();
    const told = TOLD.safeParse(payload);
    if (!told.success) return;
    const { siteId, files = [], count = 0, message = '' } = told.data;
    if (event === 'site.watched') await this.#showSites();
    else if (event === 'site.changed') {
      this.#changedMs.set(siteId, performance.now());
      say(`${files[0] ?? ''}${count > 1 ? ` and ${count - 1} more` : ''} changed`);
    } else if (event === 'site.broken') say(`${siteId} is broken: ${message}`);
    else if (event === 'site.reloaded') {
      const changedMs = this.#changedMs.get(siteId);
      const took = changedMs === undefined ? '' : ` in ${Math.round(performance.now() - changedMs)} ms`;
      say(`${siteId} reloaded${took}`);
    } else if (event === 'site.mended') say(`${siteId} is mended`);
    else if (event === 'site.watch-problem') say(`${siteId}: ${message}`);
  }

  async #showSites(): Promise<void> {
    const { listeners, sites } = await this.#client.status();
    for (const { siteId, watch, maintenance } of sites) {
      if (watch?.files === undefined || this.#shown.has(siteId)) continue;
      this.#shown.add(siteId);
      say(`${siteId} watches ${watch.files} ${watch.files === 1 ? 'file' : 'files'}`);
      for (const url of siteUrls(await siteDetailOf(this.#client, siteId), listeners)) say(`  ${url}`);
      if (maintenance?.message !== undefined) say(`${siteId} is broken: ${maintenance.message}`);
    }
  }
}

function say(text: string): void {
  process.stdout.write(`${printableLine(`dev: ${text}`)}\n`);
}

const TOLD = z.object({
  siteId: z.string(),
  files: z.array(z.string()).optional(),
  count: z.number().optional(),
  message: z.string().optional(),
});
