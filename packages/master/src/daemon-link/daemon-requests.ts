// Answers what a daemon asks of its master.
import { VhostError } from '@vhostd/protocol';
import type { DaemonToMaster, LaunchInfo, MasterToDaemon, StopMode } from '@vhostd/protocol';
import { daemonToMaster, decoding } from '@vhostd/protocol/schemas';
import type { NativeHandle, Peer, RequestContext } from '@vhostd/transport';
import type { ControlAnswers } from '../control/control-answers.js';

/** What the daemon may ask of the master. */
export interface DaemonRequests {
  readonly control: ControlAnswers;
  /** Begins to stop, or to leave the listeners to others. */
  stop(mode: StopMode): void;
  call(params: unknown, context: RequestContext): Promise<unknown>;
  /** Opens no listener until {@link accept}. */
  hold(): void;
  accept(): Promise<void>;
}

/** What the daemon tells for the time after it. */
export interface RespawnEvents {
  /** It has given a sign of life. */
  onPing(): void;
  /** How another daemon is started. */
  onAllowed(launch: LaunchInfo, restarts: number): void;
  /** None is to be started. */
  onForbidden(): void;
  /** A bound socket, which is the receiver's. */
  onListener(listener: { key: string; address: string; port: number }, handle: NativeHandle): void;
}

/** Answers the daemon from now on. */
export function answerDaemon(
  daemon: Peer<MasterToDaemon, DaemonToMaster>,
  requests: DaemonRequests,
  respawn: RespawnEvents,
): void {
  const control = decoding(daemonToMaster, 'control', (request) =>
    requests.control.answer(request, (value) => {
      try {
        return daemon.notify('controlProgress', { id: request.id, value });
      } catch {
        return false;
      }
    }),
  );
  const cancel = decoding(daemonToMaster, 'cancelControl', ({ id }) => {
    requests.control.cancel(id);
    return null;
  });
  const stop = decoding(daemonToMaster, 'stop', ({ mode }) => {
    requests.stop(mode);
    return null;
  });
  const allow = decoding(daemonToMaster, 'allowRespawn', ({ restarts, ...launch }) => {
    respawn.onAllowed(launch, restarts);
    return null;
  });
  const transfer = decoding(daemonToMaster, 'transferListener', (listener, { handle }: RequestContext) => {
    if (handle === undefined) {
      throw new VhostError('ERR_LISTEN_TRANSFER', 'a listener came without its socket');
    }
    const { key, address, port } = listener;
    respawn.onListener({ key, address, port }, handle);
    return null;
  });
  daemon.handle('control', control);
  daemon.handle('cancelControl', cancel);
  daemon.handle('stop', stop);
  daemon.handle('allowRespawn', allow);
  daemon.handle('transferListener', transfer);
  daemon.handle('call', (params, context) => requests.call(params, context));
  daemon.handle('ping', () => {
    respawn.onPing();
    return null;
  });
  daemon.handle('forbidRespawn', () => {
    respawn.onForbidden();
    return null;
  });
  daemon.handle('hold', () => {
    requests.hold();
    return null;
  });
  daemon.handle('accept', async () => {
    await requests.accept();
    return null;
  });
}
