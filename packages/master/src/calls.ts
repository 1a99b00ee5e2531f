// Calls between the code of the processes' users, as far as they pass through the master.
import { VhostError } from '@vhostd/protocol';
import { callArguments, CallRegistry, packSocket, parseCall, withCallback } from '@vhostd/transport';
import type { Call, WorkerIdentity } from '@vhostd/protocol';
import type { CallHandler, NativeHandle, Passenger, RequestContext } from '@vhostd/transport';
import type { DaemonSide } from './daemon-link/daemon-side.js';
import type { Sites } from './sites/sites.js';

/** A worker that calls. */
type Caller = Pick<WorkerIdentity, 'workerId' | 'siteId' | 'fenced'>;

export class Calls {
  readonly #daemon: DaemonSide | undefined;
  readonly #sites: Sites;
  readonly #fromWorkers: CallRegistry = new CallRegistry();
  readonly #fromDaemon: CallRegistry = new CallRegistry();

  constructor(daemon: DaemonSide | undefined, sites: Sites) {
    this.#daemon = daemon;
    this.#sites = sites;
  }

  onWorkerCall(name: string, handler: CallHandler): void {
    this.#fromWorkers.handle(name, handler);
  }

  onDaemonCall(name: string, handler: CallHandler): void {
    this.#fromDaemon.handle(name, handler);
  }

  /** A call of the master's own code. */
  call(to: string, name: string, params: unknown, rest: readonly unknown[]): Promise<unknown> | undefined {
    const { options, callback } = callArguments(rest);
    return withCallback(this.#callOut(to, name, params, options), callback);
  }

  /** A call that a worker sent; nothing in it is trusted. */
  async fromWorker(sender: Caller, received: unknown, context: RequestContext): Promise<unknown> {
    const call: Call = { ...parsed(received, context), from: sender.workerId };
    const to = targetOf(received);
    if (context.handle !== undefined && !this.#mayPass(sender, to)) {
      context.handle.close();
      const message = `this socket can't go along with a call to ${to}: site ${sender.siteId} has a user of its own, so its connections are for no other process unless the conf says "trusted": true of it`;
      throw new VhostError('ERR_CALL_SOCKET', message, { info: { to, siteId: sender.siteId } });
    }
    if (to === 'master') return await this.#fromWorkers.dispatch(call, context.handle);
    return await this.#forward(to, call, context.handle);
  }

  /** Whoever has a copy of a connection can have it block, and stop who reads from it. */
  #mayPass({ siteId, fenced }: Caller, to: string): boolean {
    return fenced !== true || this.#sites.findWorker(to)?.place.site.siteId === siteId;
  }

  /** A call that the daemon sent, for the master's code or for a worker's. */
  async fromDaemon(received: unknown, context: RequestContext): Promise<unknown> {
    const call: Call = { ...parsed(received, context), from: 'daemon' };
    if (call.workerId === undefined) return await this.#fromDaemon.dispatch(call, context.handle);
    return await this.#forward(call.workerId, call, context.handle);
  }

  async #callOut(
    to: string,
    name: string,
    params: unknown,
    options: ReturnType<typeof callArguments>['options'],
  ): Promise<unknown> {
    const { socket, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
    const call: Call = { name, params, timeoutMs, from: 'master' };
    if (socket === undefined) return await this.#send(to, call, undefined);
    const { passenger, head } = packSocket(socket);
    return await this.#send(to, { ...call, socketHead: head }, passenger);
  }

  async #forward(to: string, call: Call, handle: NativeHandle | undefined): Promise<unknown> {
    return await this.#send(to, call, handle && { handle, release: () => handle.close() });
  }

  async #send(to: string, call: Call, passenger: Passenger | undefined): Promise<unknown> {
    const options = {
      timeoutMs: call.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      bulk: true,
      ...(passenger === undefined ? {} : { passenger }),
    };
    if (to === 'daemon') {
      const daemon = this.#daemon?.peer;
      if (daemon !== undefined) return await daemon.request('call', call, options);
    } else {
      const worker = this.#sites.findWorker(to);
      worker?.place.site.thaw();
      if (worker?.process !== undefined) return await worker.process.peer.request('call', call, options);
    }
    passenger?.release();
    const what = to === 'daemon' ? 'this master runs without a daemon' : `there is no worker '${to}'`;
    throw new VhostError('ERR_CALL_NO_TARGET', `'${call.name}' was not called: ${what}`, { info: { to } });
  }
}

function parsed(received: unknown, context: RequestContext): Call {
  try {
    return parseCall(received);
  } catch (error) {
    context.handle?.close();
    throw error;
  }
}

function targetOf(received: unknown): string {
  const to: unknown =
    typeof received === 'object' && received !== null ? Reflect.get(received, 'to') : undefined;
  return typeof to === 'string' ? to : 'master';
}

const DEFAULT_TIMEOUT_MS = 30_000;
