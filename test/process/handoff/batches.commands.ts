// Lets a test know how each connection went to its worker. Looks into the master's classes.
import type { Commands } from '../../kit/orders.js';

interface Connection {
  head: string;
  unread?: boolean;
}
interface Handoff {
  give: (this: Handoff, connection: Connection) => boolean;
}

const base = import.meta.resolve('@vhostd/master');
const module = (await import(new URL('workers/handoff.js', base).href)) as {
  Handoff: { prototype: Handoff };
};
const handoffs = module.Handoff.prototype;
const given: { url: string; unread: boolean }[] = [];

const { give } = handoffs;
handoffs.give = function record(connection) {
  const done = give.call(this, connection);
  const url = connection.head.split(' ')[1] ?? '';
  if (done) given.push({ url, unread: connection.unread === true });
  return done;
};

export const commands: Commands = {
  /** Each connection that was given to a worker, by the path of its first request, and whether the worker reads that. */
  given: () => given,
};
