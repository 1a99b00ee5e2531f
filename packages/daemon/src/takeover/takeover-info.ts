// What this process was told if it is to take the place of another daemon.
import { TAKEOVER_VARIABLE, VhostError } from '@vhostd/protocol';
import type { TakeoverInfo } from '@vhostd/protocol';
import { takeoverInfo } from '@vhostd/protocol/schemas';

/**
 * What it was told for the run directory `runDir`; the variable is removed then. Undefined for a daemon that comes first.
 * @throws {VhostError} ERR_TAKEOVER_VARIABLE when the variable holds something else.
 */
export function readTakeoverInfo(runDir: string): TakeoverInfo | undefined {
  const text = process.env[TAKEOVER_VARIABLE];
  if (text === undefined) return undefined;
  const told = takeoverInfo.safeParse(parseJson(text));
  if (!told.success) {
    const message = `${TAKEOVER_VARIABLE} is not what a daemon sets`;
    throw new VhostError('ERR_TAKEOVER_VARIABLE', message, { info: { text }, cause: told.error });
  }
  if (told.data.runDir !== runDir) return undefined;
  delete process.env[TAKEOVER_VARIABLE];
  return told.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
