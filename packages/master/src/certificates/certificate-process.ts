// The process that keeps the certificates of sites, seen from the master: it is started when a site wants one, and again
// when it ends. Keys stay there and in the directories of sites; only names and times come back.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CertificatesToMaster, MasterToCertificates, WantedCertificate } from '@vhostd/protocol';
import { certificatesToMaster, decoding } from '@vhostd/protocol/schemas';
import { fromChildProcess, LinkedChild, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { forkWithLink, Peer } from '@vhostd/transport';
import type { AcmeConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { Challenges } from '../ingress/challenges.js';

export class CertificateProcess {
  readonly #stateDir: string;
  readonly #events: MasterEvents;
  readonly #child: SupervisedChild;
  #peer: Peer<MasterToCertificates, CertificatesToMaster> | undefined;
  readonly #challenges: Challenges;
  #wanted: readonly WantedCertificate[] = [];
  #acme: AcmeConf | undefined;

  constructor(stateDir: string, challenges: Challenges, events: MasterEvents) {
    this.#challenges = challenges;
    this.#stateDir = stateDir;
    this.#events = events;
    this.#child = new SupervisedChild({
      name: 'certificates',
      spawn: () => this.#spawn(),
      // Never given up: what it keeps ends one day.
      restart: { intensity: 1000, periodMs: 60_000 },
      backoff: { baseMs: 1000, capMs: 60_000 },
      shutdown: { softMs: 0, termMs: 1000 },
    });
    this.#child.on('exit', ({ message }) => events.emit('certificates.exited', { message }));
    this.#child.on('spawn-failed', ({ message }) => events.emit('certificates.exited', { message }));
  }

  /** Has these kept from now on. */
  order(wanted: readonly WantedCertificate[], acme: AcmeConf | undefined): void {
    this.#wanted = wanted;
    this.#acme = acme;
    if (wanted.length > 0 && this.#child.state === 'idle') this.#child.start();
    this.#tell();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    this.#child.removeAllListeners('exit');
    await this.#child.stop();
  }

  #tell(): void {
    // Whoever does not answer is started again, and told then.
    const acme = this.#acme === undefined ? {} : { acme: this.#acme };
    this.#peer?.request('order', { certificates: [...this.#wanted], ...acme }).catch(() => undefined);
  }

  #spawn(): ChildHandle {
    const fail = (why: string): void => void this.#child.fail(why, { now: true });
    const { child, link } = forkWithLink(
      (variables) =>
        fork(PROGRAM, ['--state-dir', this.#stateDir], {
          env: { ...process.env, ...variables },
          execArgv: [],
          stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        }),
      (forked) => forked,
      { type: 'pipe', onViolation: fail },
    );
    const linked = new LinkedChild(fromChildProcess(child), {
      closeLink: () => peer.close(),
      onLinger: () => fail('it closed its link and lived on'),
    });
    const peer = new Peer<MasterToCertificates, CertificatesToMaster>(link, {
      name: 'the process of certificates',
      onViolation: fail,
      onEnd: () => {
        watch.stop();
        if (this.#peer === peer) this.#forget();
        linked.linkEnded();
      },
    });
    this.#answer(peer);
    peer.start();
    const watch = watchPeer(peer, {
      bootTimeoutMs: BOOT_TIMEOUT_MS,
      intervalMs: 10_000,
      limitMs: 60_000,
      onAlive: () => void this.#child.markReady(),
      onLost: fail,
    });
    this.#peer = peer;
    this.#challenges.prove = ({ handle, head }) => {
      const passenger = { handle, release: () => handle.close() };
      peer.request('prove', { head }, { passenger }).catch(() => undefined);
    };
    this.#tell();
    return linked;
  }

  /** What it has asked for is over with it. */
  #forget(): void {
    this.#peer = undefined;
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
    peer.handle('challenges', challenges);
    peer.handle('issued', issued);
    peer.handle('failed', failed);
  }
}

/** Resolved, never imported: it has keys. */
const PROGRAM = fileURLToPath(import.meta.resolve('@vhostd/certificates/run-certificates'));
const BOOT_TIMEOUT_MS = 30_000;
