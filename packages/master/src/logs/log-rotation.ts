// Keeps a log file within bounds: the full one is renamed, and so are those before it; the oldest one goes.
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat, utimes } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { LogRotation } from '../conf/site-conf.js';

/** Whether what was written last belongs to another interval than what is written now. */
export function isOverdue({ intervalMs }: LogRotation, lastMs: number, nowMs: number): boolean {
  return intervalMs !== undefined && Math.floor(lastMs / intervalMs) !== Math.floor(nowMs / intervalMs);
}

/**
 * Rotates a file, unless it is no longer the one that is meant: during an upgrade two masters write to the same one.
 * Rejects with the system's error, and with ELOCKED where another master takes seconds; a file that is not there is none.
 */
export async function rotate(
  file: string,
  rotation: LogRotation,
  isMeant: () => Promise<boolean>,
): Promise<void> {
  // Few masters ever come here, and it takes as long to load as a tenth of a master.
  const { lock } = await import('proper-lockfile');
  const release = await lock(file, LOCK_OPTIONS);
  try {
    if (!(await isMeant())) return;
    const { keepCount } = rotation;
    for (const name of namesOf(file, keepCount)) await rm(name, { force: true });
    for (let number = keepCount; number > 1; number--) {
      for (const suffix of SUFFIXES) {
        const from = `${file}.${number - 1}${suffix}`;
        await rename(from, `${file}.${number}${suffix}`).catch(rethrowUnlessMissing);
      }
    }
    await rename(file, `${file}.1`).catch(rethrowUnlessMissing);
  } finally {
    await release().catch(() => undefined);
  }
}

/** Removes what is too old and compresses what is to be, as far as that can be done: the log itself needs none of it. */
export async function tidy(file: string, rotation: LogRotation): Promise<void> {
  const { keepCount, maxAgeMs, compress } = rotation;
  if (maxAgeMs === undefined && compress !== true) return;
  for (let number = 1; number <= keepCount; number++) {
    for (const name of namesOf(file, number)) {
      const facts = await stat(name).catch(() => undefined);
      if (facts === undefined || maxAgeMs === undefined || Date.now() - facts.mtimeMs <= maxAgeMs) continue;
      await rm(name, { force: true }).catch(() => undefined);
    }
  }
  if (compress === true) await compressAll(file, keepCount).catch(() => undefined);
}

/** Removes all but the file itself. */
export async function removeRotated(file: string, { keepCount }: LogRotation): Promise<void> {
  for (let number = keepCount; number > 0; number--) {
    for (const name of namesOf(file, number)) await rm(name, { force: true });
  }
}

/** One at a time; whoever comes meanwhile leaves it to the next rotation. */
async function compressAll(file: string, keepCount: number): Promise<void> {
  const { lock } = await import('proper-lockfile');
  const unfinished = `${file}.gz.tmp`;
  const release = await lock(file, { ...LOCK_OPTIONS, retries: 0, lockfilePath: `${file}.gz.lock` });
  try {
    for (let number = 2; number <= keepCount; number++) {
      const name = `${file}.${number}`;
      const before = await stat(name).catch(() => undefined);
      if (before === undefined) continue;
      await pipeline(
        createReadStream(name),
        createGzip(),
        createWriteStream(unfinished, { mode: before.mode & 0o777 }),
      );
      await utimes(unfinished, before.atime, before.mtime);
      // Rotated meanwhile: it is another number's, whose turn comes.
      if ((await stat(name).catch(() => undefined))?.ino !== before.ino) continue;
      await rename(unfinished, `${name}.gz`);
      await rm(name, { force: true });
    }
  } finally {
    await rm(unfinished, { force: true });
    await release().catch(() => undefined);
  }
}

function namesOf(file: string, number: number): string[] {
  return SUFFIXES.map((suffix) => `${file}.${number}${suffix}`);
}

function rethrowUnlessMissing(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
}

const SUFFIXES = ['', '.gz'] as const;
const LOCK_OPTIONS = {
  // A log may be renamed at any time; its name is what is locked.
  realpath: false,
  retries: { retries: 100, minTimeout: 10, maxTimeout: 100 },
  // Of a master that died meanwhile, ms.
  stale: 10_000,
  onCompromised: () => undefined,
};
