// Waits for what a program says.
import type { ChildProcess } from 'node:child_process';

/**
 * Resolves when a program's standard output matches; goes on reading and dropping what it prints.
 * @throws {Error} with its output when it ends before.
 */
export async function printed(child: ChildProcess, pattern: RegExp): Promise<void> {
  let output = '';
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors = (errors + chunk.toString()).slice(-OUTPUT_CHARS);
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`${child.spawnfile} ended too early\n${output}${errors}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_CHARS);
      if (pattern.test(output)) resolve();
    });
  });
}

/** How much of a program's output is kept. */
const OUTPUT_CHARS = 4000;
