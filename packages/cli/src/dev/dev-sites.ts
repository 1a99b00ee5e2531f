// Watches the files of each site of a daemon, reloads a site whose files have changed, and lets browsers see why one
// does not come up.
import type { DaemonClient } from '@vhostd/daemon/client';
import type { SiteDetail, WireError } from '@vhostd/protocol';
import { decode, siteDetail } from '@vhostd/protocol/schemas';
import type { FileWatcher } from '@vhostd/watch';
import { urlsOf } from '../addresses.js';
import { describeError } from '../errors.js';
import { printableLine } from '../printable.js';

export class DevSites {
  readonly #client: DaemonClient;
  #begun = false;

  constructor(client: DaemonClient) {
    this.#client = client;
  }

  /** The sites are published or have failed. A master that took the place of a dead one changes nothing. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#watchAll().catch((error: unknown) => say(describeError(error)));
  }

  async #watchAll(): Promise<void> {
    const { listeners, sites } = await this.#client.status();
    for (const { siteId } of sites) {
      const site = new DevSite(this.#client, siteId);
      await site.open(listeners);
    }
  }
}

/** One site: its watcher, and one reload at a time. */
class DevSite {
  readonly #client: DaemonClient;
  readonly #siteId: string;
  /** Why its present code does not serve; browsers are shown it. */
  #broken = false;
  #reloading = false;
  #changed = false;

  constructor(client: DaemonClient, siteId: string) {
    this.#client = client;
    this.#siteId = siteId;
  }

  async open(listeners: Parameters<typeof urlsOf>[0]['listening']): Promise<void> {
    const { FileWatcher: Watcher } = await import('@vhostd/watch');
    const detail = await this.#detail();
    const { path } = detail.conf as { path: string };
    const watcher: FileWatcher = new Watcher({ cwd: path, extensions: EXTENSIONS, gitignore: true });
    watcher.on('changed', (files) => {
      const [first = ''] = files;
      const more = files.length > 1 ? ` and ${files.length - 1} more` : '';
      say(`${first.startsWith(`${path}/`) ? first.slice(path.length + 1) : first}${more} changed`);
      void this.#reload();
    });
    watcher.on('problem', (error) => say(describeError(error)));
    await watcher.open();
    say(`${this.#siteId} watches ${watcher.files.length} files`);
    for (const url of urlsOf({ hosts: detail.hosts, listening: listeners })) say(`  ${url}`);
    await this.#look();
    setInterval(() => void this.#look().catch(() => undefined), LOOK_MS).unref();
  }

  /** What has changed meanwhile is one more reload. */
  async #reload(): Promise<void> {
    this.#changed = true;
    if (this.#reloading) return;
    this.#reloading = true;
    while (this.#changed) {
      this.#changed = false;
      try {
        await this.#reloadOnce();
      } catch (error) {
        // Of the conf, for instance: it is the next change that may mend it.
        await this.#show(describeError(error)).catch(() => undefined);
      }
    }
    this.#reloading = false;
  }

  async #reloadOnce(): Promise<void> {
    const startMs = performance.now();
    const { sites } = await this.#client.reload(this.#siteId);
    const error = sites.find(({ siteId }) => siteId === this.#siteId)?.error;
    if (error !== undefined) return await this.#show(storyOf(error));
    if (this.#broken) await this.#client.maintenance(this.#siteId, null);
    this.#broken = false;
    say(`${this.#siteId} reloaded in ${Math.round(performance.now() - startMs)} ms`);
  }

  /** It may have been given up, at its start or while it served. */
  async #look(): Promise<void> {
    if (this.#broken || this.#reloading) return;
    const { state, reason = 'it has ended' } = await this.#detail();
    if (state === 'errored' && !this.#reloading) await this.#show(reason);
  }

  async #show(why: string): Promise<void> {
    this.#broken = true;
    say(`${this.#siteId} is broken: ${why}`);
    const message = why.slice(0, MESSAGE_MAX_CHARS);
    const title = `${this.#siteId} is broken`;
    await this.#client.maintenance(this.#siteId, { title, message, refresh: REFRESH_S });
  }

  async #detail(): Promise<SiteDetail> {
    const path = `/sites/${encodeURIComponent(this.#siteId)}`;
    return decode(siteDetail, await this.#client.request({ method: 'GET', path }), 'site');
  }
}

/** With its stack, which begins with the message. */
function storyOf({ message, stack }: WireError): string {
  return stack?.includes(message) === true ? stack : message;
}

function say(text: string): void {
  process.stdout.write(`${printableLine(`dev: ${text}`)}\n`);
}

const EXTENSIONS = ['js', 'mjs', 'cjs', 'ts', 'mts', 'cts', 'jsx', 'tsx', 'json', 'node', 'env'];
/** How soon a page looks again, s. */
const REFRESH_S = 1;
const LOOK_MS = 1000;
const MESSAGE_MAX_CHARS = 2000;
