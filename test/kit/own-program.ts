// The program of a daemon, in a rig's directory, where tests can change it.
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The compiled program. */
export const OWN_DAEMON: string = fileURLToPath(new URL('./own.daemon.js', import.meta.url));

/** For a rig's `program`: makes the directory with the daemon and its master, and runs it. */
export function ownProgram(rig: { dir: string; config: string; runDir: string }): string[] {
  mkdirSync(join(rig.dir, 'program'));
  // Packages are found as from the tests' own directory.
  symlinkSync(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(rig.dir, 'node_modules'));
  writeFileSync(programFile(rig.dir, 'package.json'), '{ "type": "module" }');
  repairProgram(rig.dir);
  return [programFile(rig.dir, 'daemon.js'), rig.runDir, rig.config];
}

/** Writes the program as it should be. */
export function repairProgram(dir: string): void {
  copyFileSync(OWN_DAEMON, programFile(dir, 'daemon.js'));
  writeFileSync(programFile(dir, 'master.js'), "import '@vhostd/master/run-master';\n");
}

/** A file of the program. */
export function programFile(dir: string, name: 'daemon.js' | 'master.js' | 'package.json'): string {
  return join(dir, 'program', name);
}
