// Enters a critical section so many times, guarded by a claim chain alone, and fails if it ever is not alone in it.
import { mkdirSync, rmdirSync } from 'node:fs';
import { readIdentity } from '@vhostd/supervisor';
import { ClaimChain } from './claim-chain.js';

const [, , directory = '', section = '', times = '0'] = process.argv;
const self = readIdentity(process.pid);
if (self === undefined) throw new Error('no identity');
const chain = new ClaimChain(directory, self);
process.on('disconnect', () => process.exit());

for (let entered = 0; entered < Number(times);) {
  if (chain.claim() === undefined) {
    mkdirSync(section);
    if (!chain.holds()) throw new Error('the claim does not stand');
    rmdirSync(section);
    chain.release();
    entered++;
  }
  await new Promise((resolve) => setImmediate(resolve));
}
process.disconnect();
