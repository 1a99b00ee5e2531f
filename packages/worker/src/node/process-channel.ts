// Node's channel to the primary, which does not read it: what a site's code sends there, and what node:cluster would
// ask the primary for, goes another way or happens here.
// Checked on Node 20.20, 22.23, 24.21 and 26.10; node/process-channel.test.ts fails where it changes.
import cluster from 'node:cluster';

/** Where it goes. */
export interface ChannelUse {
  /** The site's code sends a message; false: not now. @throws {Error} where it cannot be sent at all. */
  onMessage(message: unknown): boolean;
  /** The site's code wants this worker to finish and leave. */
  onDisconnect(): void;
}

/** Puts it in the place of what Node does. To be called before the site's code runs. */
export function replaceProcessChannel(use: ChannelUse): void {
  const send = (message: unknown, ...rest: unknown[]): boolean => {
    const callback = rest.findLast(
      (value): value is (error: Error | null) => void => typeof value === 'function',
    );
    const handle = rest.find((value) => typeof value === 'object' && value !== null);
    if (isSendable(handle))
      throw new Error('process.send of a site takes no handle; worker.callMaster takes a socket');
    // What node:cluster says to the primary, such as that a server of this process listens.
    if (isInternal(message)) {
      if (callback !== undefined) process.nextTick(callback, null);
      return true;
    }
    try {
      const sent = use.onMessage(message);
      if (callback !== undefined)
        process.nextTick(callback, sent ? null : new Error('the message was not sent'));
      return sent;
    } catch (error) {
      if (callback === undefined) throw error;
      process.nextTick(callback, error);
      return false;
    }
  };
  process.send = send as NonNullable<typeof process.send>;
  const { worker } = cluster;
  if (worker === undefined) return;
  worker.disconnect = (): typeof worker => {
    worker.exitedAfterDisconnect = true;
    use.onDisconnect();
    return worker;
  };
  worker.kill = (): void => {
    worker.exitedAfterDisconnect = true;
    process.exit(0);
  };
  Reflect.set(worker, 'destroy', worker.kill);
}

/** Whether it is a server, a socket or a handle, and no options. */
function isSendable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('_handle' in value || 'close' in value);
}

function isInternal(message: unknown): boolean {
  if (typeof message !== 'object' || message === null || !('cmd' in message)) return false;
  return typeof message.cmd === 'string' && message.cmd.startsWith('NODE_');
}
