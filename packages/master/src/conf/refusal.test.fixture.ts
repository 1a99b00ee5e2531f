// What tests need to look into a refusal. The name keeps it out of the published package, as it does tests.
import { VhostError } from '@vhostd/protocol';
import assert from 'node:assert/strict';

/** The VhostError that `parse` throws; fails if it throws none. */
export function refusal(parse: () => unknown): VhostError {
  try {
    parse();
  } catch (thrown) {
    if (thrown instanceof VhostError) return thrown;
    throw thrown;
  }
  return assert.fail('it was accepted');
}

/** The problems that an error of a conf carries. */
export function problemsOf({ info }: VhostError): { code: unknown; path: unknown }[] {
  assert.ok(Array.isArray(info['problems']));
  return info['problems'];
}

/** The paths of those problems, in order. */
export function pathsOf(error: VhostError): unknown[] {
  return problemsOf(error).map(({ path }) => path);
}
