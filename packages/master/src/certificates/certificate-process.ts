// The process that keeps the certificates of sites, seen from the master. Keys stay there and in the directories of
// sites; only names and times come back.
import { fileURLToPath } from 'node:url';
import type { CertificatesToMaster, MasterToCertificates, WantedCertificate } from '@vhostd/protocol';
import { certificatesToMaster, decoding } from '@vhostd/protocol/schemas';
import type { Peer } from '@vhostd/transport';
import type { AcmeConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { Challenges } from '../ingress/challenges.js';
import { Renewals } from './renewals.js';
import { SideProcess } from '../side-process.js';

export class CertificateProcess {
  readonly #events: MasterEvents;
  readonly #process: SideProcess<MasterToCertificates, CertificatesToMaster>;
  readonly #challenges: Challenges;
  /** When they are renewed, as far as that is known. */
  readonly renewals: Renewals = new Renewals();
  #wanted: readonly WantedCertificate[] = [];
  #acme: AcmeConf | undefined;

  constructor(stateDir: string, challenges: Challenges, events: MasterEvents) {
    this.#challenges = challenges;
    this.#events = events;
    this.#process = new SideProcess({
      name: 'certificates',
      program: PROGRAM,
      args: ['--state-dir', stateDir],
      onSpawned: (peer) => this.#onSpawned(peer),
      onLost: () => this.#forget(),
      onExited: (message) => events.emit('certificates.exited', { message }),
    });
  }

  /** Has these kept from now on. */
  order(wanted: readonly WantedCertificate[], acme: AcmeConf | undefined): void {
    this.#wanted = wanted;
    this.renewals.keepOnly(wanted);
    this.#acme = acme;
    if (wanted.length > 0) this.#process.start();
    this.#tell();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    await this.#process.stop();
  }

  #tell(): void {
    // Whoever does not answer is started again, and told then.
    const acme = this.#acme === undefined ? {} : { acme: this.#acme };
    const order = { certificates: [...this.#wanted], ...acme };
    this.#process.peer?.request('order', order).catch(() => undefined);
  }

  #onSpawned(peer: Peer<MasterToCertificates, CertificatesToMaster>): void {
    this.#answer(peer);
    this.#challenges.prove = ({ handle, head }) => {
      const passenger = { handle, release: () => handle.close() };
      peer.request('prove', { head }, { passenger }).catch(() => undefined);
    };
    this.#tell();
  }

  /** What it has asked for is over with it. */
  #forget(): void {
    this.#challenges.prove = undefined;
    this.#challenges.set({ http: [], tls: [] });
  }

  #answer(peer: Peer<MasterToCertificates, CertificatesToMaster>): void {
    const issued = decoding(certificatesToMaster, 'issued', (told) => {
      this.#events.emit('certificate.issued', told);
      return null;
    });
    const failed = decoding(certificatesToMaster, 'failed', (told) => {
      this.#events.emit('certificate.failed', told);
      return null;
    });
    const challenges = decoding(certificatesToMaster, 'challenges', (told) => {
      this.#challenges.set(told);
      return null;
    });
    const renewal = decoding(certificatesToMaster, 'renewal', (told) => {
      this.renewals.set(told);
      return null;
    });
    peer.handle('renewal', renewal);
    peer.handle('challenges', challenges);
    peer.handle('issued', issued);
    peer.handle('failed', failed);
  }
}

/** Resolved, never imported: it has keys. */
const PROGRAM = fileURLToPath(import.meta.resolve('@vhostd/certificates/run-certificates'));
