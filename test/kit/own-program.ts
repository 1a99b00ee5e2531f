// A daemon program of a test's own, in a vhostd's directory, where the test can break it, and hold the next daemon at
// one point of an upgrade until it lets it go on.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Place } from './full-vhostd.js';
import { until } from './until.js';

/** The compiled program. */
export const OWN_DAEMON: string = fileURLToPath(new URL('./own.daemon.js', import.meta.url));

/** For the `program` of a vhostd: makes the directory with the daemon and its master, and runs it. */
export function ownProgram({ dir, confFile, runDir }: Place): string[] {
  mkdirSync(join(dir, 'program'));
  // Packages are found as from the tests' own directory.
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(dir, 'node_modules'));
  const program = new OwnProgram(dir);
  writeFileSync(program.file('package.json'), '{ "type": "module" }');
  program.repair();
  return [program.file('daemon.js'), runDir, confFile];
}

/** The program of a vhostd that was started with {@link ownProgram}. */
export class OwnProgram {
  readonly #dir: string;
  readonly #reached: string;
  readonly #released: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#reached = join(dir, 'reached');
    this.#released = join(dir, 'released');
  }

  file(name: 'daemon.js' | 'master.js' | 'package.json'): string {
    return join(this.#dir, 'program', name);
  }

  /** Writes the program as it should be. */
  repair(): void {
    copyFileSync(OWN_DAEMON, this.file('daemon.js'));
    writeFileSync(this.file('master.js'), "import '@vhostd/master/run-master';\n");
  }

  /** Makes the daemon a file that is no program, so that none comes up. */
  breakDaemon(): void {
    writeFileSync(this.file('daemon.js'), 'this is no program');
  }

  /** Puts code in front of the daemon's. */
  prepend(code: string): void {
    writeFileSync(this.file('daemon.js'), code + readFileSync(this.file('daemon.js'), 'utf8'));
  }

  /** The next master has read the conf, and starts no site yet; `fails`: it ends then. */
  holdMaster({ fails = false }: { fails?: boolean } = {}): void {
    this.#reset();
    writeFileSync(
      this.file('master.js'),
      "import { existsSync, writeFileSync } from 'node:fs';\n" +
        "import { master } from '@vhostd/master';\nimport '@vhostd/master/run-master';\n" +
        'const run = master.serverRun.bind(master);\n' +
        'master.serverRun = () => {\n' +
        `  writeFileSync(${quote(this.#reached)}, '');\n` +
        '  return new Promise((resolve) => {\n' +
        '    const timer = setInterval(() => {\n' +
        `      if (!existsSync(${quote(this.#released)})) return;\n` +
        '      clearInterval(timer);\n' +
        `      ${fails ? 'process.exit(3);' : 'resolve(run());'}\n` +
        '    }, 10);\n  });\n};\n',
    );
  }

  /** The next daemon is told to take over and has the run directory's lock, but no socket: that is opened under a umask of its own. */
  holdTakeover(): void {
    this.#reset();
    this.prepend(
      "import { existsSync as exists, writeFileSync as write } from 'node:fs';\n" +
        'const umask = process.umask;\n' +
        'process.umask = (...args) => {\n' +
        `  write(${quote(this.#reached)}, '');\n` +
        '  const cell = new Int32Array(new SharedArrayBuffer(4));\n' +
        `  while (!exists(${quote(this.#released)})) Atomics.wait(cell, 0, 0, 10);\n` +
        '  process.umask = umask;\n  return umask(...args);\n};\n',
    );
  }

  /** Waits until it is held. */
  async reached(): Promise<void> {
    await until('the next daemon is held', () => ({ done: existsSync(this.#reached), value: undefined }));
  }

  release(): void {
    writeFileSync(this.#released, '');
  }

  #reset(): void {
    for (const file of [this.#reached, this.#released]) rmSync(file, { force: true });
    this.repair();
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
