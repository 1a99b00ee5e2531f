// What a state means to the person who looks: only that has a colour.
import type { SiteState, SiteStatus, WorkerState, WorkerStatus } from '@vhostd/protocol';

/** `good`: it serves. `warn`: it serves, but not as it should. `bad`: it does not. `quiet`: it is not meant to. */
export type Tone = 'good' | 'warn' | 'bad' | 'quiet';

export interface Condition {
  readonly tone: Tone;
  /** In a word or two. */
  readonly label: string;
  /** Why, where there is something to say. */
  readonly why: string | undefined;
}

export function siteCondition(site: SiteStatus): Condition {
  const { state, reason, paused, maintenance, workers, certificateFaults = [], waitsFor = [] } = site;
  const tone = SITE_TONES[state];
  if (tone !== 'good') {
    const why = reason ?? (waitsFor.length > 0 ? `waits for ${waitsFor.join(', ')}` : undefined);
    return { tone, label: state, why };
  }
  if (paused === true) return { tone: 'warn', label: 'paused', why: 'New connections are held.' };
  if (maintenance !== undefined) {
    return { tone: 'warn', label: 'maintenance', why: 'Requests are answered with a maintenance page.' };
  }
  if (reason !== undefined) return { tone: 'warn', label: state, why: reason };
  const failing = workers.filter((worker) => workerTone(worker) === 'bad');
  if (failing.length > 0) {
    const why = failing.find((worker) => worker.reason !== undefined)?.reason;
    return { tone: 'warn', label: `${failing.length} failing`, why };
  }
  const [fault] = certificateFaults;
  if (fault !== undefined) return { tone: 'warn', label: 'certificate', why: fault };
  return { tone: 'good', label: state, why: undefined };
}

export function workerTone({ state }: WorkerStatus): Tone {
  return WORKER_TONES[state];
}

const SITE_TONES: Readonly<Record<SiteState, Tone>> = {
  waiting: 'warn',
  booting: 'warn',
  running: 'good',
  reloading: 'warn',
  restarting: 'warn',
  frozen: 'quiet',
  idle: 'quiet',
  stopping: 'warn',
  stopped: 'quiet',
  finished: 'quiet',
  errored: 'bad',
};

const WORKER_TONES: Readonly<Record<WorkerState, Tone>> = {
  booting: 'warn',
  ready: 'good',
  draining: 'quiet',
  stopping: 'quiet',
  backoff: 'bad',
  errored: 'bad',
  exited: 'quiet',
};

/** Those that a person should look at come first. */
export const URGENCY: Readonly<Record<Tone, number>> = { bad: 0, warn: 1, good: 2, quiet: 3 };
