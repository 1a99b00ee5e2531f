// Tells systemd how the service stands, sd_notify(3): which process is its daemon, whether its sites are loaded, that it
// reloads or stops, and that its master answers. One a daemon, and only where systemd asks for it.
import { performance } from 'node:perf_hooks';
import type { EventEmitter } from 'eventemitter3';
import type { Logger } from 'pino';
import type { Order, SiteOrdersEvents } from '../control/site-orders.js';
import type { LoadFailure } from '../daemon-options.js';
import { failedInPart } from '../log.js';
import type { MasterSlotEvents } from '../master/master-slot.js';
import { NotifySocket } from './notify-socket.js';

/** How the service stands. A daemon that another one has replaced says nothing any more. */
type ServiceState = 'loading' | 'serving' | 'reloading' | 'stopping' | 'replaced';

/** What a notifier works with. */
export interface ServiceNotifierOptions {
  readonly socket: Pick<NotifySocket, 'tell'>;
  /** So often systemd wants a sign of life, ms; undefined where it does not. */
  readonly watchdogMs: number | undefined;
  /** Replaced by tests. */
  readonly nowMs?: () => number;
}

export class ServiceNotifier {
  readonly #socket: Pick<NotifySocket, 'tell'>;
  readonly #watchdogMs: number | undefined;
  readonly #nowMs: () => number;
  #state: ServiceState = 'loading';
  #reloadCount = 0;
  /** What the service is told to be while it serves. */
  #status = '';
  #nextSignMs = 0;

  constructor({ socket, watchdogMs, nowMs = () => performance.now() }: ServiceNotifierOptions) {
    this.#socket = socket;
    this.#watchdogMs = watchdogMs;
    this.#nowMs = nowMs;
  }

  /** This process is the daemon of the service. */
  takeCharge(slot: EventEmitter<MasterSlotEvents>, orders: EventEmitter<SiteOrdersEvents>): void {
    this.#tell([`MAINPID=${process.pid}`, status('loads the sites')]);
    slot.on('loaded', (failures) => this.#loaded(failures));
    slot.on('exit', ({ message }) => {
      this.#giveSign();
      if (this.#state !== 'stopping') this.#tell([status(`the master ${message}; the next one follows`)]);
    });
    slot.on('spawned', () => this.#giveSign());
    slot.on('adopted', () => this.#giveSign());
    slot.on('answered', () => this.#giveSign());
    orders.on('given', (order, outcome) => {
      if (isReload(order)) void this.#follow(outcome);
    });
  }

  /** The service stops. */
  stopping(): void {
    if (this.#state === 'stopping') return;
    this.#tell(['STOPPING=1', status('stops; its sites finish what they have')]);
    this.#enter('stopping');
  }

  /** Another daemon is the one of the service; systemd may hear that from its main process alone, which this one may be. */
  replaced(by: number): void {
    if (this.#state !== 'stopping') this.#tell([`MAINPID=${by}`]);
    this.#enter('replaced');
  }

  /** A site that could not be loaded is tried again and does not keep the others from serving. */
  #loaded(failures: readonly LoadFailure[]): void {
    const failed = failures.map(({ siteId }) => siteId);
    this.#status =
      failed.length === 0 ? 'serves every site' : `serves, but could not load: ${failed.join(', ')}`;
    if (this.#state === 'loading') this.#enter('serving');
    if (this.#state === 'serving') this.#tell(['READY=1', status(this.#status)]);
    // Ends the longer time that was asked for: systemd gives it to the watchdog as well.
    this.#giveSign();
  }

  async #follow(outcome: Promise<unknown>): Promise<void> {
    this.#reloadCount += 1;
    if (this.#state === 'serving') {
      this.#enter('reloading');
      this.#tell(['RELOADING=1', `MONOTONIC_USEC=${monotonicMicroseconds()}`, status('reloads')]);
    }
    const failed = await outcome.then(failedInPart, () => true);
    this.#reloadCount -= 1;
    if (this.#reloadCount > 0 || this.#state !== 'reloading') return;
    this.#enter('serving');
    this.#tell(['READY=1', status(failed ? `${this.#status}; the last reload failed` : this.#status)]);
  }

  /** The master answers, or this daemon is about to have another one: both prove that it is at work. */
  #giveSign(): void {
    const nowMs = this.#nowMs();
    if (nowMs < this.#nextSignMs) return;
    if (this.#state === 'loading') {
      this.#nextSignMs = nowMs + LOADING_SIGN_MS;
      this.#tell([`EXTEND_TIMEOUT_USEC=${LOADING_LIMIT_MS * 1000}`]);
    } else if (this.#watchdogMs !== undefined) {
      this.#nextSignMs = nowMs + this.#watchdogMs / SIGNS_PER_LIMIT;
      this.#tell(['WATCHDOG=1']);
    }
  }

  #enter(state: ServiceState): void {
    if (this.#state === 'replaced' || this.#state === 'stopping') return;
    this.#state = state;
    // What the sign of life is depends on the state.
    this.#nextSignMs = 0;
  }

  #tell(assignments: readonly string[]): void {
    if (this.#state !== 'replaced') this.#socket.tell(assignments);
  }
}

/**
 * The notifier that the environment asks for; undefined without NOTIFY_SOCKET, or with one that is no Unix socket. The
 * variables stay for the daemons that follow, but for WATCHDOG_PID, which names the first.
 */
export function serviceNotifier(env: NodeJS.ProcessEnv, log: Logger): ServiceNotifier | undefined {
  const { NOTIFY_SOCKET: address = '', WATCHDOG_PID: pid, WATCHDOG_USEC: limit = '' } = env;
  if (!/^[/@]./u.test(address)) return undefined;
  const isMeant = pid === undefined || pid === String(process.pid);
  if (isMeant) delete env['WATCHDOG_PID'];
  const onFailed = (why: string): void => log.warn({ event: 'systemd.not-told', address, why });
  return new ServiceNotifier({
    socket: new NotifySocket(address, onFailed),
    watchdogMs: isMeant && /^[1-9]\d*$/u.test(limit) ? Number(limit) / 1000 : undefined,
  });
}

function isReload({ method, path }: Order): boolean {
  return method === 'POST' && path.endsWith('/reload');
}

/** A line of at most so many characters; ids of sites hold what their conf says. */
function status(text: string): string {
  return `STATUS=${text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?').slice(0, STATUS_MAX_CHARS)}`;
}

/** CLOCK_MONOTONIC, which systemd compares with its own. */
function monotonicMicroseconds(): bigint {
  return process.hrtime.bigint() / 1000n;
}

/** So many signs of life in the time after which systemd misses one. */
const SIGNS_PER_LIMIT = 4;
/** While sites load, systemd is asked this often for more time, ms. */
const LOADING_SIGN_MS = 10_000;
/** And for so much, ms. */
const LOADING_LIMIT_MS = 60_000;
const STATUS_MAX_CHARS = 300;
