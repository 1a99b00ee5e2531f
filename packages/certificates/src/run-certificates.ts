// The process that keeps the certificates of sites: a master starts it, and it ends with its master. Nothing that serves
// waits for it. `--state-dir DIR`: where it keeps them.
import { parseArgs } from 'node:util';
import type { CertificatesToMaster, MasterToCertificates } from '@vhostd/protocol';
import { decoding, masterToCertificates } from '@vhostd/protocol/schemas';
import { openParentLink, Peer } from '@vhostd/transport';
import type { ChallengeResponder } from './acme/challenge-responder.js';
import { CertificateKeeper } from './certificate-keeper.js';

const { values } = parseArgs({ options: { 'state-dir': { type: 'string' } } });
const { 'state-dir': stateDir } = values;
const link = openParentLink();
if (link === undefined || stateDir === undefined) {
  console.error('this program is started by a master of vhostd');
  process.exit(2);
}
const peer = new Peer<CertificatesToMaster, MasterToCertificates>(link, {
  name: 'the master',
  onEnd: () => process.exit(),
});
let responder: Promise<ChallengeResponder> | undefined;
/** What it is made of takes a second to load. */
async function loadResponder(): Promise<ChallengeResponder> {
  const { ChallengeResponder: Responder } = await import('./acme/challenge-responder.js');
  return new Responder((challenges) => peer.request('challenges', challenges));
}
const keeper = new CertificateKeeper(stateDir, () => (responder ??= loadResponder()), {
  onIssued: (told) => peer.notify('issued', told),
  onFailed: (told) => peer.notify('failed', told),
  onRenewal: (told) => peer.notify('renewal', told),
});
peer.handle('ping', () => null);
peer.handle(
  'order',
  decoding(masterToCertificates, 'order', ({ certificates, acme }) => {
    keeper.order(certificates, acme);
    return null;
  }),
);
peer.handle(
  'prove',
  decoding(masterToCertificates, 'prove', async ({ head }, { handle }) => {
    if (responder === undefined) handle?.close();
    else if (handle !== undefined) (await responder).take(handle, head);
    return null;
  }),
);
// What a terminal says is for the master, which ends this one by its link.
process.on('SIGINT', () => undefined);
peer.start();
