// Asks a worker at intervals whether it is there; with its answer it tells how it is.
import type { MasterToWorker, Vitals, WorkerToMaster } from '@vhostd/protocol';
import type { Peer } from '@vhostd/transport';
import { Heartbeat } from '@vhostd/supervisor';
import type { SiteConf } from '../conf/site-conf.js';
import { parseVitals } from './vitals.js';

export interface PulseHost {
  onVitals(vitals: Vitals): void;
  /** The worker's answer is none. */
  onViolation(detail: string): void;
  /** The worker has not answered for too long. */
  onLost(silentMs: number): void;
}

/** Begins to ask, until the heartbeat that is returned is stopped. */
export function takePulse(
  peer: Peer<MasterToWorker, WorkerToMaster>,
  { heartbeatIntervalMs, heartbeatLimitMs }: SiteConf,
  host: PulseHost,
): Heartbeat {
  const onAnswer = (answer: unknown): void => {
    heartbeat.pong();
    const vitals = parseVitals(answer);
    if (vitals === undefined) host.onViolation('an answer to a ping that tells nothing of it');
    else host.onVitals(vitals);
  };
  const heartbeat = new Heartbeat({
    intervalMs: Math.min(heartbeatIntervalMs, Math.floor(heartbeatLimitMs / 2)),
    limitMs: heartbeatLimitMs,
    sendPing: () => {
      peer.request('ping', null, { timeoutMs: heartbeatLimitMs }).then(onAnswer, () => undefined);
    },
    onLost: (silentMs) => host.onLost(silentMs),
  });
  return heartbeat;
}
