// Another Node than the one that runs the tests, for what must work between versions.
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/**
 * The binary that `VHOSTD_TEST_OTHER_NODE` names, else this one; the test's output says which, since the test then
 * tells nothing of other versions.
 */
export function otherNode(t: TestContext): { binary: string; version: string } {
  const binary = process.env['VHOSTD_TEST_OTHER_NODE'] ?? process.execPath;
  const { stdout } = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  const version = stdout.trim();
  t.diagnostic(
    `between ${process.version} and ${version}${binary === process.execPath ? ' (VHOSTD_TEST_OTHER_NODE names no other)' : ''}`,
  );
  return { binary, version };
}
