// Which transport the master uses. That it works is tried out by the first master of a daemon, which keeps the proof
// for those that follow: a process, and 150 ms of CPU, less between the death of a master and its first answer.
import { chooseLink, linkProof } from '@vhostd/transport';
import type { LinkChoice, LinkWish } from '@vhostd/transport';
import type { StateStore } from './served-state.js';

/** Under which it is kept. */
const KEY = 'link-proof';

/** For a master that is the first: the proof of another one on this machine. */
const PROOF_VARIABLE = 'VHOSTD_LINK_PROOF';

/**
 * Without a store nothing is kept.
 * @throws {VhostError} ERR_LINK_SELF_TEST.
 */
export async function provedLink(wish: LinkWish, store: StateStore | undefined): Promise<LinkChoice> {
  const given = process.env[PROOF_VARIABLE];
  // No site is to see it.
  delete process.env[PROOF_VARIABLE];
  // A daemon that dies meanwhile tells nothing.
  const kept = await store?.load(KEY).catch(() => undefined);
  const choice = await chooseLink(wish, typeof kept === 'string' ? kept : given);
  // With `ipc` nothing was tried out.
  const { type, handsBack } = choice;
  if (wish !== 'ipc') store?.save(KEY, type !== 'ipc' && handsBack ? linkProof(type) : null);
  return choice;
}
