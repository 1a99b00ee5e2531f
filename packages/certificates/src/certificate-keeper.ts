// All certificates that a master's sites want.
import type { WantedCertificate } from '@vhostd/protocol';
import type { Issuer } from './issuer.js';
import { InternalAuthority } from './internal/internal-authority.js';
import { KeptCertificate } from './kept-certificate.js';
import type { CertificateEvents } from './kept-certificate.js';

export class CertificateKeeper {
  readonly #stateDir: string;
  readonly #events: CertificateEvents;
  readonly #kept = new Map<string, KeptCertificate>();
  #internal: Promise<InternalAuthority> | undefined;

  constructor(stateDir: string, events: CertificateEvents) {
    this.#stateDir = stateDir;
    this.#events = events;
  }

  /** Keeps these from now on, and no others. What is there already is looked at anew. */
  order(certificates: readonly WantedCertificate[]): void {
    const wanted = new Map(certificates.map((one) => [`${one.kind} ${one.host}`, one]));
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
    const kept = new KeptCertificate(wanted, { issuer: () => this.#issuer(), events: this.#events });
    this.#kept.set(name, kept);
    return kept;
  }

  /** One that could not be opened is opened again the next time. */
  async #issuer(): Promise<Issuer> {
    this.#internal ??= InternalAuthority.open(this.#stateDir);
    try {
      return await this.#internal;
    } catch (error) {
      this.#internal = undefined;
      throw error;
    }
  }
}
