// The conf that `vhostd start` ran last: who has stopped it, and is in another directory, may have forgotten where it is.
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { writeWhole } from '@vhostd/protocol';
import { backgroundDirectory } from './background-log.js';

/** Keeps it in the state directory. Where it can't, the former one stays. */
export function keepConf(stateDir: string, conf: string): void {
  try {
    mkdirSync(backgroundDirectory(stateDir), { recursive: true, mode: 0o700 });
    writeWhole(fileIn(stateDir), `${conf}\n`);
  } catch {
    // A disk that is full is no reason to fail.
  }
}

/** The one that was kept; undefined where there is none. */
export function keptConf(stateDir: string): string | undefined {
  try {
    return readFileSync(fileIn(stateDir), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

function fileIn(stateDir: string): string {
  return path.join(backgroundDirectory(stateDir), 'conf');
}
