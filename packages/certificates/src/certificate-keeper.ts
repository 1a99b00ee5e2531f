// All certificates that a master's sites want.
import type { AcmeSettings, CertificateKind, WantedCertificate } from '@vhostd/protocol';
import { VhostError } from '@vhostd/protocol';
import type { ChallengeResponder } from './acme/challenge-responder.js';
import type { Issuer } from './issuer.js';
import { InternalAuthority } from './internal/internal-authority.js';
import { KeptCertificate } from './kept-certificate.js';
import type { CertificateEvents } from './kept-certificate.js';

export class CertificateKeeper {
  readonly #stateDir: string;
  readonly #events: CertificateEvents;
  readonly #kept = new Map<string, KeptCertificate>();
  readonly #opened = new Map<CertificateKind, Promise<Issuer>>();

  readonly #responder: () => Promise<ChallengeResponder>;
  #settings: AcmeSettings | undefined;

  /** `responder`: loaded when it is needed. */
  constructor(stateDir: string, responder: () => Promise<ChallengeResponder>, events: CertificateEvents) {
    this.#stateDir = stateDir;
    this.#responder = responder;
    this.#events = events;
  }

  /** Keeps these from now on, and no others. What is there already is looked at anew. */
  order(certificates: readonly WantedCertificate[], acme: AcmeSettings | undefined): void {
    if (JSON.stringify(acme) !== JSON.stringify(this.#settings)) this.#opened.delete('auto');
    this.#settings = acme;
    const wanted = new Map(certificates.map((one) => [`${one.kind} ${one.host} ${one.uid ?? ''}`, one]));
    for (const [name, kept] of this.#kept) {
      if (wanted.has(name)) continue;
      kept.stop();
      this.#kept.delete(name);
    }
    for (const [name, one] of wanted) {
      const kept = this.#kept.get(name) ?? this.#add(name, one);
      kept.homes = one.homes;
      void kept.look();
    }
  }

  #add(name: string, wanted: WantedCertificate): KeptCertificate {
    const kept = new KeptCertificate(wanted, {
      issuer: () => this.#issuer(wanted.kind),
      events: this.#events,
    });
    this.#kept.set(name, kept);
    return kept;
  }

  /** One that could not be opened is opened again the next time. */
  async #issuer(kind: CertificateKind): Promise<Issuer> {
    const open = { auto: () => this.#openAcme(), internal: () => InternalAuthority.open(this.#stateDir) };
    const opened = this.#opened.get(kind) ?? open[kind]();
    this.#opened.set(kind, opened);
    try {
      return await opened;
    } catch (error) {
      if (this.#opened.get(kind) === opened) this.#opened.delete(kind);
      throw error;
    }
  }

  async #openAcme(): Promise<Issuer> {
    const settings = this.#settings;
    if (settings === undefined)
      throw new VhostError('ERR_ACME_TERMS', 'the conf names no authority: "acme": { "agree": true }');
    const { AcmeIssuer } = await import('./acme/acme-issuer.js');
    return new AcmeIssuer(this.#stateDir, settings, await this.#responder());
  }
}
