// What the page may ask of a daemon: nothing but what stands here.
import { VhostError } from '@vhostd/protocol';
import { z } from '@vhostd/protocol/schemas';
import type { DaemonClient } from '@vhostd/daemon/client';

/** An order to a site. */
export type Order = 'reload' | 'start' | 'stop' | 'scale';

/** Whether there is an order of this name. */
export function isOrder(name: string): name is Order {
  return Object.hasOwn(BODIES, name);
}

/** Resolves with what the daemon answers. Rejects with its error, or ERR_CONTROL_REQUEST. */
export async function giveOrder(
  client: Pick<DaemonClient, 'request'>,
  siteId: string,
  name: Order,
  body: string,
): Promise<unknown> {
  return await client.request({
    method: 'POST',
    path: `/sites/${encodeURIComponent(siteId)}/${name}`,
    body: parse(name, body),
  });
}

function parse(name: Order, body: string): unknown {
  try {
    return BODIES[name].parse(JSON.parse(body));
  } catch (cause) {
    throw new VhostError('ERR_CONTROL_REQUEST', `the body is not what ${name} takes`, { cause });
  }
}

const empty = z.strictObject({});
/** What each takes. */
const BODIES: Readonly<Record<Order, z.ZodType>> = {
  reload: empty,
  start: empty,
  stop: empty,
  scale: z.strictObject({ workers: z.number().int().min(1).max(1_024) }),
};
