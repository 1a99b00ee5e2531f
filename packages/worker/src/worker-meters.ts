// What this worker measures of itself, which its master asks for with each heartbeat.
import type { Server } from 'node:net';
import type { WorkerIdentity, WorkerStats } from '@vhostd/protocol';
import { AccessLog } from './access-log.js';
import { LoopDelayMeter } from './loop-delay.js';
import type { Refusals } from './rehome/refusals.js';
import { RequestMeter } from './request-meter.js';

export class WorkerMeters {
  readonly #requests: RequestMeter;
  /** Absent: nobody collects such numbers. */
  readonly #loopDelay: LoopDelayMeter | undefined;
  readonly #accessLog: AccessLog | undefined;
  readonly #refusals: Refusals;

  constructor(
    {
      measures,
      accessLog: file,
      accessLogFormat: format = 'combined',
    }: Pick<WorkerIdentity, 'measures' | 'accessLog' | 'accessLogFormat'>,
    refusals: Refusals,
  ) {
    this.#requests = new RequestMeter(measures);
    this.#loopDelay = measures ? new LoopDelayMeter() : undefined;
    this.#accessLog = file === undefined ? undefined : new AccessLog({ file, format });
    this.#refusals = refusals;
  }

  /** Also the requests to this server count from now on. */
  watch(server: Server): void {
    this.#requests.watch(server);
    this.#accessLog?.watch(server);
  }

  /** This process stands still from now on, until {@link goOn}: that is no delay. */
  rest(): void {
    this.#loopDelay?.rest();
  }

  goOn(): void {
    this.#loopDelay?.goOn();
  }

  /** Since the last time where it is about a while, else since the process began. */
  read(): WorkerStats {
    const { user, system } = process.cpuUsage();
    const stats = {
      residentBytes: process.memoryUsage.rss(),
      requestCount: this.#requests.count,
      cpuMs: (user + system) / 1_000,
      ...(this.#accessLog === undefined ? {} : { accessLog: this.#accessLog.stats }),
      ...(this.#refusals.counts === undefined ? {} : { refused: this.#refusals.counts }),
    };
    const requests = this.#requests.stats;
    if (this.#loopDelay === undefined || requests === undefined) return stats;
    return { ...stats, requests, loopDelay: this.#loopDelay.read() };
  }
}
