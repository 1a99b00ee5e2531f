// The keys of a site's 'ssl' entries as its server has them: those in force, those on trial, and those that come when the
// files change. A server gets new ones for connections to come; open ones go on.
import type { SecureContext } from 'node:tls';
import type { CertificateFacts, VhostError } from '@vhostd/protocol';
import { wireFault } from './certificate-facts.js';
import { FileWatch } from './file-watch.js';
import { SecureContexts } from './secure-contexts.js';
import type { ContextOptions, SecureEntry } from './secure-contexts.js';

/** The options of {@link SecureKeys}. */
export interface SecureKeysOptions extends Pick<ContextOptions, 'base'> {
  /** Told what is wrong with keys that are in force, or were to be; again only when that changes. */
  onFault?: (fault: VhostError) => void;
  /** Told all certificates that are in force, whenever they or their faults change. */
  onCertificates?: (certificates: readonly CertificateFacts[]) => void;
  /** Between two looks at the files, ms. */
  watchIntervalMs?: number;
}

export class SecureKeys {
  /** Puts contexts into force. */
  onChange: (contexts: SecureContexts) => void = () => undefined;
  /** Told how to {@link find} what belongs to a name; undefined: all names have what the server has. */
  onNames: (find: ((name: string) => SecureContext | undefined) | undefined) => void = () => undefined;
  readonly #options: SecureKeysOptions;
  #entries: readonly SecureEntry[] = [];
  #contexts: SecureContexts | undefined;
  #staged: { contexts: SecureContexts; entries: readonly SecureEntry[] } | undefined;
  #watch: FileWatch | undefined;
  #toldFaults = '';

  constructor(options: SecureKeysOptions = {}) {
    this.#options = options;
  }

  /** Those in force; undefined before the first commit. */
  get contexts(): SecureContexts | undefined {
    return this.#contexts;
  }

  /**
   * Takes entries on trial, until {@link commit} or {@link discard}: for names that the entries in force have nothing for.
   * @throws {VhostError} ERR_TLS_KEY for a key or certificate that cannot be used, ERR_TLS_DEMANDS: nothing has changed.
   */
  stage(entries: readonly SecureEntry[]): void {
    this.#staged = { contexts: new SecureContexts(entries, { ...this.#options }), entries };
    this.#tellNames();
  }

  /** Puts the entries on trial into force, if there are any. */
  commit(): void {
    const staged = this.#staged;
    if (staged === undefined) return;
    this.#staged = undefined;
    this.#entries = staged.entries;
    this.#use(staged.contexts);
    this.#watch?.stop();
    this.#watch = new FileWatch(staged.contexts.read, () => this.#reload(), this.#options.watchIntervalMs);
  }

  /** Forgets the entries on trial. */
  discard(): void {
    this.#staged = undefined;
    this.#tellNames();
  }

  /** Takes what is in the files by now, at once. */
  lookNow(): void {
    this.#watch?.lookNow();
  }

  /** Looks at the files no more. */
  close(): void {
    this.#watch?.stop();
  }

  /** The context for the name that a client asks for; undefined: that of the server. */
  find(name: string): SecureContext | undefined {
    return this.#contexts?.find(name) ?? this.#staged?.contexts.find(name);
  }

  #tellNames(): void {
    const isOne = this.#contexts?.areAlike === true && this.#staged === undefined;
    this.onNames(isOne ? undefined : (name) => this.find(name));
  }

  /** The files have changed. */
  #reload(): void {
    try {
      this.#use(new SecureContexts(this.#entries, { ...this.#options, kept: this.#contexts }));
    } catch (error) {
      // Not of a pair, whose former one is kept: of `ca`.
      this.#tell([error as VhostError], this.#contexts?.certificates.map(withFault(error as VhostError)));
    }
  }

  #use(contexts: SecureContexts): void {
    this.#contexts = contexts;
    this.onChange(contexts);
    this.#tellNames();
    this.#tell(contexts.faults, contexts.certificates);
  }

  #tell(faults: readonly VhostError[], certificates: readonly CertificateFacts[] = []): void {
    this.#options.onCertificates?.(certificates);
    const text = faults.map(({ message }) => message).join('\n');
    if (text === this.#toldFaults) return;
    this.#toldFaults = text;
    for (const fault of faults) this.#options.onFault?.(fault);
  }
}

/** What clients are asked for is asked for all hosts. */
function withFault(error: VhostError): (facts: CertificateFacts) => CertificateFacts {
  return (facts) => ({ ...facts, fault: wireFault(error) });
}
