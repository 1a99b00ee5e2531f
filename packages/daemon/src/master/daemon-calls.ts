// Calls between the daemon's own code and that of the master and the workers.
import { callArguments, CallRegistry, packSocket, parseCall, withCallback } from '@vhostd/transport';
import type { Call, DaemonToMaster, MasterToDaemon } from '@vhostd/protocol';
import type { CallOptions, NativeHandle, Peer } from '@vhostd/transport';

type MasterPeer = Peer<DaemonToMaster, MasterToDaemon>;

/** The handlers of the daemon's own code, and its way to those of the others. */
export class DaemonCalls {
  readonly ofMaster: CallRegistry = new CallRegistry();
  readonly ofWorkers: CallRegistry = new CallRegistry();

  /** Runs the handler of a call that came over the link; the master fills in which worker it is from. */
  dispatch(call: Call, handle: NativeHandle | undefined): Promise<unknown> {
    const from = call.from ?? 'master';
    const registry = from === 'master' ? this.ofMaster : this.ofWorkers;
    return registry.dispatch({ ...call, from }, handle);
  }

  /**
   * Calls the master, or the worker that `target` names by way of it; `rest` are options and callback. `peer`
   * gives the living master's peer or throws.
   */
  call(
    peer: () => MasterPeer,
    target: Pick<Call, 'name' | 'params' | 'workerId'>,
    rest: readonly unknown[],
  ): Promise<unknown> | undefined {
    const { options, callback } = callArguments(rest);
    return withCallback(send(peer, target, options), callback);
  }
}

async function send(
  peer: () => MasterPeer,
  target: Pick<Call, 'name' | 'params' | 'workerId'>,
  { timeoutMs = CALL_LIMIT_MS, socket }: CallOptions,
): Promise<unknown> {
  const call = parseCall({ ...target, timeoutMs, from: 'daemon' });
  const master = peer();
  if (socket === undefined) return await master.request('call', call, { timeoutMs });
  // Params that JSON refuses must show before the connection is taken out of its socket.
  JSON.stringify(call);
  const { passenger, head } = packSocket(socket);
  return await master.request('call', { ...call, socketHead: head }, { timeoutMs, passenger });
}

const CALL_LIMIT_MS = 30_000;
