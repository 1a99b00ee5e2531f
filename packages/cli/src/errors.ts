// How a command fails: one line for people on stderr, an exit code for scripts.
import { exitCodeOf } from '@vhostd/daemon';
import { printable } from './printable.js';

/** Options that every command has. */
export interface CommonOptions {
  logLevel?: string;
}

/** The error as it is shown: `MESSAGE (CODE)`, with the code where it has one. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return printable(String(error));
  const code = 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : '';
  return printable(`${error.message}${code}`);
}

/** Writes `vhostd: MESSAGE (CODE)` to stderr, and below it the stack when the log level is debug or trace. */
export function printError(error: unknown, { logLevel }: CommonOptions): void {
  process.stderr.write(`vhostd: ${describeError(error)}\n`);
  if (!(error instanceof Error) || (logLevel !== 'debug' && logLevel !== 'trace')) return;
  process.stderr.write(`${printable(error.stack ?? '')}\n`);
  if (error.cause !== undefined) process.stderr.write(`caused by ${describeError(error.cause)}\n`);
}

/** Runs the work of a command; what it throws is printed and becomes the exit code. */
export async function attempt(options: CommonOptions, work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    printError(error, options);
    process.exitCode = exitCodeOf(error);
  }
}
