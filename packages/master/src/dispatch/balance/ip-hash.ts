// Sticky by client address: the same client gets the same slot, without a table of clients.
import { addressKey } from './address-key.js';
import type { Balance, Candidate, Client } from './candidate.js';
import { rendezvous } from './rendezvous.js';

export class IpHash implements Balance {
  readonly sticky = true;
  sticks(): boolean {
    return true;
  }

  pick<C extends Candidate>(candidates: readonly C[], client: Client): C | undefined {
    return rendezvous(candidates, addressKey(client.address));
  }
}
