// The process that keeps the certificates of sites, seen from the master: it is started when a site wants one, and again
// when it ends. Keys stay there and in the directories of sites; only names and times come back.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { CertificatesToMaster, MasterToCertificates, WantedCertificate } from '@vhostd/protocol';
import { certificatesToMaster, decoding } from '@vhostd/protocol/schemas';
import { fromChildProcess, LinkedChild, SupervisedChild, watchPeer } from '@vhostd/supervisor';
import type { ChildHandle } from '@vhostd/supervisor';
import { forkWithLink, Peer } from '@vhostd/transport';
import type { MasterEvents } from '../events.js';

export class CertificateProcess {
  readonly #stateDir: string;
  readonly #events: MasterEvents;
  readonly #child: SupervisedChild;
  #peer: Peer<MasterToCertificates, CertificatesToMaster> | undefined;
  #wanted: readonly WantedCertificate[] = [];

  constructor(stateDir: string, events: MasterEvents) {
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
  order(wanted: readonly WantedCertificate[]): void {
    this.#wanted = wanted;
    if (wanted.length > 0 && this.#child.state === 'idle') this.#child.start();
    this.#tell();
  }

  /** Resolves when it has gone. */
  async stop(): Promise<void> {
    await this.#child.stop();
  }

  #tell(): void {
    // Whoever does not answer is started again, and told then.
    this.#peer?.request('order', { certificates: [...this.#wanted] }).catch(() => undefined);
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
        if (this.#peer === peer) this.#peer = undefined;
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
    this.#tell();
    return linked;
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
    peer.handle('issued', issued);
    peer.handle('failed', failed);
  }
}

/** Resolved, never imported: it has keys. */
const PROGRAM = fileURLToPath(import.meta.resolve('@vhostd/certificates/run-certificates'));
const BOOT_TIMEOUT_MS = 30_000;
