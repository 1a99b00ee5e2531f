// The certificates of the sites: orders those that they want, whenever that may have changed, and watches those that
// they serve.
import type { RenewalStatus } from '@vhostd/protocol';
import type { AcmeConf } from '../conf/site-conf.js';
import type { Challenges } from '../ingress/challenges.js';
import type { EventName, MasterEvents } from '../events.js';
import { CertificateProcess } from './certificate-process.js';
import { CertificateWatch } from './certificate-watch.js';
import type { CertifiedSite } from './site-certificates.js';
import { wantedCertificates } from './wanted-certificates.js';
import type { WantingSite } from './wanted-certificates.js';

/** What {@link Certificates} works with. */
export interface CertificatesOptions {
  /** Absent: nothing can be kept. */
  readonly stateDir: string | undefined;
  /** What the ways in answer to authorities. */
  readonly challenges: Challenges;
  readonly sites: {
    list(): readonly (CertifiedSite & WantingSite)[];
    find(siteId: string): CertifiedSite | undefined;
  };
  /** Makes the directory of a site, or throws where it can't. */
  readonly directoryOf: (conf: WantingSite['conf']) => string;
}

export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #events: MasterEvents;
  readonly #process: CertificateProcess | undefined;
  #due = false;
  #stopped = false;
  #told = '[]';
  #acme: AcmeConf | undefined;

  constructor(options: CertificatesOptions, events: MasterEvents) {
    this.#options = options;
    this.#events = events;
    const { stateDir } = options;
    this.#process =
      stateDir === undefined ? undefined : new CertificateProcess(stateDir, options.challenges, events);
    new CertificateWatch(options.sites).subscribe(events);
    for (const name of OCCASIONS) events.on(name, () => this.#soon());
  }

  /** The authority that is asked from now on. */
  set acme(acme: AcmeConf | undefined) {
    this.#acme = acme;
    this.#soon();
  }

  /** When those of a site are renewed, as far as that is known. */
  renewalsOf(site: Pick<CertifiedSite, 'siteId' | 'conf'>): RenewalStatus[] {
    return this.#process?.renewals.of(site) ?? [];
  }

  /** Resolves when the process has gone. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#process?.stop();
  }

  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (!this.#stopped) this.#order();
    });
  }

  #order(): void {
    try {
      const wanted = wantedCertificates(this.#options.sites.list(), this.#options.directoryOf);
      const text = JSON.stringify(wanted);
      // What has not changed is looked at again all the same: a reload is how somebody asks for that.
      if (text === '[]' && this.#told === '[]') return;
      this.#told = text;
      if (this.#process !== undefined) this.#process.order(wanted, this.#acme);
      else
        this.#events.emit('certificates.exited', { message: 'there is no state directory to keep them in' });
    } catch (error) {
      this.#events.emit('certificates.exited', {
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }
}

/** What may change the sites, their hosts or their directories. */
const OCCASIONS: readonly EventName[] = [
  'worker.spawned',
  'site.published',
  'site.withdrawn',
  'site.removed',
  'site.reloaded',
  'site.reload.failed',
];
