// Sticky by a cookie of the connection's first request, which the site sets.
import type { Balance, Candidate, Client } from './candidate.js';
import { rendezvous } from './rendezvous.js';

export class Cookie implements Balance {
  readonly sticky = true;
  readonly #name: string;
  readonly #otherwise: Balance;

  /** `otherwise` picks for what has no such cookie. */
  constructor(name: string, otherwise: Balance) {
    this.#name = name;
    this.#otherwise = otherwise;
  }

  sticks(client: Client): boolean {
    return this.#keyOf(client) !== undefined || this.#otherwise.sticks(client);
  }

  /** A value that is a slot's number names that slot; any other is hashed. */
  pick<C extends Candidate>(candidates: readonly C[], client: Client): C | undefined {
    const key = this.#keyOf(client);
    if (key === undefined) return this.#otherwise.pick(candidates, client);
    return candidates.find(({ slot }) => String(slot) === key) ?? rendezvous(candidates, key);
  }

  /** A connection without bytes is between two requests: it stays with the slot that it had. */
  #keyOf({ head, slot }: Client): string | undefined {
    if (head === '' && slot !== undefined) return String(slot);
    return cookieOf(head, this.#name);
  }
}

/** The first value, not empty, of a cookie in the head of a request of HTTP/1 (RFC 6265 4.2.1). */
export function cookieOf(head: string, name: string): string | undefined {
  const end = head.indexOf('\r\n\r\n');
  const [, ...fields] = head.slice(0, end === -1 ? 0 : end).split('\r\n');
  for (const field of fields) {
    if (!/^cookie:/i.test(field)) continue;
    for (const pair of field.slice('cookie:'.length).split(';')) {
      const at = pair.indexOf('=');
      if (at === -1 || pair.slice(0, at).trim() !== name) continue;
      const value = pair.slice(at + 1).trim();
      if (value !== '') return value;
    }
  }
  return undefined;
}
