// Sites whose workers may have brought masters down: what a worker was being heard for when its master died is written
// down, and the master after it reads that. Only a master that follows one which died writes, for a while: a write for
// each read costs too much to be done while all is well.
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir, uptime } from 'node:os';
import { dirname, join } from 'node:path';
import { VhostError } from '@vhostd/protocol';
import type { ReadingWatch } from '@vhostd/transport';
import { formatDuration } from '../conf/quantity.js';

/** Where it is kept for the master after this one. */
export interface SuspectStore {
  save(key: string, value: unknown): boolean;
  load(key: string): Promise<unknown>;
}

/** What a master leaves. */
interface Kept {
  /** Names the site that is being heard. Null: it does not write. */
  readonly file: string | null;
  readonly deaths: readonly Death[];
}

/** A master died while it heard this site's workers; seconds on the clock that all processes of the machine share. */
interface Death {
  readonly siteId: string;
  readonly atS: number;
}

export class Suspects {
  readonly #store: SuspectStore | undefined;
  readonly #nowS: () => number;
  #deaths: Death[] = [];
  #record: { readonly file: string; readonly fd: number } | undefined;

  /** Without a store there is no master before this one, and none after it. */
  constructor(store: SuspectStore | undefined, nowS: () => number = uptime) {
    this.#store = store;
    this.#nowS = nowS;
  }

  /** Reads what the master before this one has left. To be called before a worker is started. */
  async begin(): Promise<void> {
    const kept = keptOf(await this.#store?.load(KEY).catch(() => null));
    if (kept !== undefined) {
      this.#deaths = [...kept.deaths];
      const siteId = kept.file === null ? '' : takeRecord(kept.file);
      if (siteId !== '') this.#deaths.push({ siteId, atS: this.#nowS() });
      this.#startRecord();
    }
    this.#keep();
  }

  /** Tells when the workers of a site are being heard. */
  watch(siteId: string): ReadingWatch {
    const name = Buffer.alloc(RECORD_BYTES, ' ');
    name.write(siteId, 'latin1');
    return { begin: () => this.#write(name), end: () => this.#write(NOBODY) };
  }

  /** Why a site is not started; undefined where it may be. */
  refusal(siteId: string): VhostError | undefined {
    const deaths = this.#deathsOf(siteId);
    const last = deaths.at(-1);
    if (deaths.length < DEATHS_MAX_COUNT || last === undefined) return undefined;
    const leftMs = Math.ceil(last.atS + PERIOD_S - this.#nowS()) * 1000;
    const message =
      `site ${siteId} is not started: ${deaths.length} masters died while they heard its workers; ` +
      `it is tried again in ${formatDuration(leftMs)}, or by vhostd reload ${siteId}`;
    return new VhostError('ERR_SITE_SUSPECT', message, { info: { siteId, deathCount: deaths.length } });
  }

  /** The operator wants these sites started. */
  forgive(siteIds: readonly string[]): void {
    const others = this.#deaths.filter((death) => !siteIds.includes(death.siteId));
    if (others.length === this.#deaths.length) return;
    this.#deaths = others;
    this.#keep();
  }

  #deathsOf(siteId: string): Death[] {
    return this.#deaths.filter((death) => death.siteId === siteId && this.#nowS() - death.atS < PERIOD_S);
  }

  #startRecord(): void {
    try {
      const file = join(mkdtempSync(join(tmpdir(), 'vhostd-heard-')), 'site');
      this.#record = { file, fd: openSync(file, 'wx', 0o600) };
    } catch {
      // Without it the restart policy alone decides.
      return;
    }
    const end = (): void => this.#endRecord();
    process.once('exit', end);
    setTimeout(() => {
      process.removeListener('exit', end);
      end();
      this.#keep();
    }, PERIOD_S * 1000).unref();
  }

  #endRecord(): void {
    if (this.#record === undefined) return;
    closeSync(this.#record.fd);
    remove(this.#record.file);
    this.#record = undefined;
  }

  #write(bytes: Buffer): void {
    if (this.#record === undefined) return;
    try {
      writeSync(this.#record.fd, bytes, 0, RECORD_BYTES, 0);
    } catch {
      // A full disk: then nobody is blamed.
    }
  }

  #keep(): void {
    const deaths = this.#deaths.filter(({ atS }) => this.#nowS() - atS < PERIOD_S);
    this.#store?.save(KEY, { file: this.#record?.file ?? null, deaths } satisfies Kept);
  }
}

/** Undefined where no master was there before. */
function keptOf(value: unknown): Kept | undefined {
  return typeof value === 'object' && value !== null ? (value as Kept) : undefined;
}

/** The site that a master was hearing when it died, or an empty text. */
function takeRecord(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return '';
  } finally {
    remove(file);
  }
}

function remove(file: string): void {
  try {
    rmSync(dirname(file), { recursive: true });
  } catch {
    // Somebody has cleared it away.
  }
}

const KEY = 'suspects';
/** A siteId has at most so many characters. */
const RECORD_BYTES = 64;
const NOBODY: Buffer = Buffer.alloc(RECORD_BYTES, ' ');
/** Less than a daemon tolerates before it gives the master up, with the first death, which is nobody's. */
const DEATHS_MAX_COUNT = 3;
/** How long a death counts, and how long a master writes, s. */
const PERIOD_S = 600;
