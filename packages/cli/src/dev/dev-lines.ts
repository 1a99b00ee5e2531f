// What `vhostd dev` tells of a daemon whose sites are all watched: where each is reached, what changes and what comes of
// it.
import type { DaemonClient } from '@vhostd/daemon/client';
import type { MasterEvent } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import { siteUrls } from '../addresses.js';
import { terminalWidth, wrapped } from '../columns.js';
import { siteDetailOf } from '../site-detail.js';
import { describeError } from '../errors.js';
import { printableLine } from '../printable.js';
import { counted } from '../counted.js';

export class DevLines {
  readonly #client: DaemonClient;
  /** Sites of which it is said where they are. */
  readonly #shown = new Set<string>();
  readonly #changedMs = new Map<string, number>();
  /** Why each is broken, as it was told since the last change. */
  readonly #broken = new Map<string, string>();
  /** Workers that are not ready. What one of them ends of is its site's to tell. */
  readonly #booting = new Set<string>();
  #begun = false;

  readonly #isJson: boolean;

  /** `isJson`: an object a line in place of words. */
  constructor(client: DaemonClient, isJson: boolean = false) {
    this.#client = client;
    this.#isJson = isJson;
  }

  /** The sites are published or have failed. A master that took the place of a dead one changes nothing. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#client
      .follow({
        onEvent: (event) => void this.#tell(event).catch((error: unknown) => this.#problem(error)),
      })
      .catch((error: unknown) => this.#problem(error));
  }

  async #tell({ event, payload }: MasterEvent): Promise<void> {
    // Of what was before, the status tells.
    if (event === 'subscribed') return await this.#showSites();
    const told = TOLD.safeParse(payload);
    if (!told.success) return;
    const { siteId, files = [], count = 0, message = '', workerId } = told.data;
    if (event === 'site.watched') return await this.#showSites();
    if (event === 'site.changed') {
      this.#changedMs.set(siteId, performance.now());
      this.#broken.delete(siteId);
      const more = count > 1 ? ` and ${count - 1} more` : '';
      this.#say({ event: 'changed', siteId, files, count }, `${files[0] ?? ''}${more} changed`);
    } else if (event === 'site.broken') this.#tellBroken(siteId, message);
    else if (workerId !== undefined) this.#tellWorker(event, { ...told.data, workerId });
    else if (event === 'site.reloaded') {
      const changedMs = this.#changedMs.get(siteId);
      const tookMs = changedMs === undefined ? undefined : Math.round(performance.now() - changedMs);
      const took = tookMs === undefined ? '' : ` in ${tookMs} ms`;
      this.#say({ event: 'reloaded', siteId, tookMs }, `${siteId} reloaded${took}`);
    } else if (event === 'site.mended') {
      this.#broken.delete(siteId);
      this.#say({ event: 'mended', siteId }, `${siteId} is mended`);
    } else if (event === 'site.watch-problem') {
      this.#say({ event: 'watch-problem', siteId, message }, `${siteId}: ${message}`);
    }
  }

  async #showSites(): Promise<void> {
    const { listeners, sites } = await this.#client.status();
    for (const { siteId, watch, maintenance } of sites) {
      if (watch?.files === undefined || this.#shown.has(siteId)) continue;
      this.#shown.add(siteId);
      const urls = siteUrls(await siteDetailOf(this.#client, siteId), listeners);
      const { files } = watch;
      const kept = `${siteId} watches ${counted(files, 'file')}`;
      this.#say({ event: 'watches', siteId, files, urls }, kept, ...urls.map((url) => `  ${url}`));
      const { message } = maintenance ?? {};
      if (message !== undefined) this.#tellBroken(siteId, message);
    }
  }

  /** In words without the stack, which the worker has printed. */
  #tellBroken(siteId: string, message: string): void {
    const [first = ''] = message.split('\n');
    if (this.#broken.get(siteId) === first) return;
    this.#broken.set(siteId, first);
    this.#say({ event: 'broken', siteId, message }, `${siteId} is broken: ${first}`);
  }

  /** One of several that has ended leaves its site whole. */
  #tellWorker(event: string, { siteId, workerId, expected, reason = '' }: Told & { workerId: string }): void {
    if (event === 'worker.spawned') this.#booting.add(workerId);
    else if (event === 'worker.ready') this.#booting.delete(workerId);
    else if (event === 'worker.exited') {
      const isTold = this.#booting.delete(workerId) || this.#broken.has(siteId);
      if (expected === true || isTold) return;
      this.#say({ event: 'exited', siteId, workerId, reason }, `worker ${workerId} ${reason}`);
    }
  }

  #problem(error: unknown): void {
    const message = describeError(error);
    this.#say({ event: 'problem', message }, message);
  }

  #say(told: object, ...words: readonly string[]): void {
    const lines = this.#isJson
      ? [JSON.stringify(told)]
      : words.flatMap((text) => wrapped(printableLine(`dev: ${text}`), terminalWidth()));
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }
}

const TOLD = z.object({
  siteId: z.string(),
  files: z.array(z.string()).optional(),
  count: z.number().optional(),
  message: z.string().optional(),
  workerId: z.string().optional(),
  expected: z.boolean().optional(),
  reason: z.string().optional(),
});

type Told = z.infer<typeof TOLD>;
