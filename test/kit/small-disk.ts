// A file system of few bytes, which a test can fill.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { atEnd } from './at-end.js';

/** For a test's options: why none can be had here, or false. */
export const smallDiskSkip: string | false = whyNot();

/** Where this process makes temporary directories from now on. Of what runs there nothing may be left when it ends. */
export class SmallDisk {
  readonly #ballast: string;

  constructor(t: TestContext, sizeMb = 8) {
    const before = process.env['TMPDIR'];
    const place = mkdtempSync(join(tmpdir(), 'vhostd-disk-'));
    if (!mount(place, sizeMb)) throw new Error(`no file system can be mounted on ${place}`);
    atEnd(t, () => {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      unmount(place);
    });
    process.env['TMPDIR'] = place;
    this.#ballast = join(place, 'ballast');
  }

  /** To the last byte. */
  fill(): void {
    const fd = openSync(this.#ballast, 'a');
    try {
      for (const size of [65_536, 1]) while (takes(fd, size));
    } finally {
      closeSync(fd);
    }
  }

  /** There is as much room as before. */
  empty(): void {
    rmSync(this.#ballast, { force: true });
  }
}

function takes(fd: number, size: number): boolean {
  try {
    return writeSync(fd, Buffer.alloc(size)) === size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOSPC') return false;
    throw error;
  }
}

function mount(place: string, sizeMb: number): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMb}m,mode=755`, 'tmpfs', place]).status === 0;
}

function unmount(place: string): void {
  spawnSync('umount', ['-l', place]);
  rmSync(place, { recursive: true, force: true });
}

function whyNot(): string | false {
  const place = mkdtempSync(join(tmpdir(), 'vhostd-disk-'));
  const mounted = mount(place, 1);
  unmount(place);
  return !mounted && 'no file system can be mounted here';
}
