// What a self-test that has passed holds for: this Node, these files of vhostd, the library that makes system calls, this
// kernel. Where one of them is another, the test is made anew.
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { release } from 'node:os';
import { fileURLToPath } from 'node:url';
import { nativeCalls } from '../node/native-calls.js';

/**
 * Says that a transport was tried out as this process would do it: the pipe, or batches beside it. Undefined where nothing can look at descriptors, or where
 * files of it are no longer there.
 */
export function linkProof(type: 'native' | 'pipe'): string | undefined {
  const library = nativeCalls()?.library;
  if (library === undefined) return undefined;
  try {
    const files = [process.execPath, fileURLToPath(import.meta.resolve('#self-test-child'))];
    if (library === 'koffi') files.push(createRequire(import.meta.url).resolve(library));
    return JSON.stringify([type, process.version, release(), library, ...files.map(identityOf)]);
  } catch {
    return undefined;
  }
}

function identityOf(file: string): string {
  const { dev, ino, size, mtimeMs } = statSync(file);
  return `${dev} ${ino} ${size} ${mtimeMs}`;
}
