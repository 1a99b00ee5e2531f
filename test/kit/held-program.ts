// The next daemon of an own program (own-program.ts), held at one point of an upgrade until a test lets it go on.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { programFile, repairProgram } from './own-program.js';
import { until } from './until.js';

export class HeldProgram {
  readonly #dir: string;
  readonly #reached: string;
  readonly #released: string;

  constructor(dir: string) {
    this.#dir = dir;
    this.#reached = join(dir, 'reached');
    this.#released = join(dir, 'released');
  }

  /** Its master has read the conf, and starts no site yet; `fails`: it ends then. */
  holdMaster({ fails = false }: { fails?: boolean } = {}): void {
    this.#reset();
    writeFileSync(
      programFile(this.#dir, 'master.js'),
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

  /** It is told to take over and has the run directory's lock, but no socket: that is opened under a umask of its own. */
  holdTakeover(): void {
    this.#reset();
    const file = programFile(this.#dir, 'daemon.js');
    writeFileSync(
      file,
      "import { existsSync as exists, writeFileSync as write } from 'node:fs';\n" +
        'const umask = process.umask;\n' +
        'process.umask = (...args) => {\n' +
        `  write(${quote(this.#reached)}, '');\n` +
        '  const cell = new Int32Array(new SharedArrayBuffer(4));\n' +
        `  while (!exists(${quote(this.#released)})) Atomics.wait(cell, 0, 0, 10);\n` +
        '  process.umask = umask;\n  return umask(...args);\n};\n' +
        readFileSync(file, 'utf8'),
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
    repairProgram(this.#dir);
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
