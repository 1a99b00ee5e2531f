// The connections that one worker hands back. A worker keeps its descriptor of each until it is answered, and goes
// on serving it when the master dies before; so nobody else is given one before the answer is on its way.
import { decodeConnection, encodeHandBackAnswer, FrameKind } from '@vhostd/transport';
import type { Frame, Link, NativeHandle } from '@vhostd/transport';
import type { Connection } from '../ingress/connection.js';
import { openEnds } from '../ingress/proxied-ends.js';
import { isConnection, remoteAddressOf } from '../node/raw-accept.js';

/** The process whose connections are handed back. */
export interface HandBackOwner {
  /** Connections that the worker was ever given: it cannot hand back more. */
  readonly givenCount: number;
  /** Whether it was ever given one of a listener: what it hands back came in at no other. */
  wasGivenOf(listenerKey: string): boolean;
  /** Whether there is a use for another idle one, which came in at a listener and for a host. */
  takesHandedBack(listenerKey: string, host: string | undefined, handle: NativeHandle): boolean;
  /** Gets one that the worker has let go of, and owns its handle. */
  onHandedBack(connection: Connection): void;
}

export class HandBacks {
  readonly #link: Link;
  readonly #owner: HandBackOwner;
  /** Their answers are written, but the kernel may not have them. */
  #answered: Connection[] = [];
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(link: Link, owner: HandBackOwner) {
    this.#link = link;
    this.#owner = owner;
  }

  /** Takes a frame of kind `handBack`; returns what is wrong with it, if anything is. */
  receive({ payload, handle, handleLost }: Frame): string | undefined {
    const handBack = decodeConnection(payload);
    const proxied =
      handBack === undefined || handle === undefined ? undefined : openEnds(handle, handBack.header);
    const detail =
      this.#violation(handBack?.number, handle, handleLost) ??
      this.#misled(handBack?.header.listener) ??
      (proxied === null ? FORGED : undefined);
    if (handBack === undefined || proxied === null || detail !== undefined) {
      handle?.close();
      return detail;
    }
    this.#count += 1;
    const { number, bytes, header } = handBack;
    // An idle one is for another worker of the site; one with a request is for whoever has its host.
    const { listener = '', host } = header;
    if (
      handle === undefined ||
      (bytes.length === 0 && !this.#owner.takesHandedBack(listener, host, handle))
    ) {
      handle?.close();
      this.#answer(number, false);
      return undefined;
    }
    this.#answer(number, true);
    // A client that has gone meanwhile needs nobody.
    if (remoteAddressOf(handle) === '') handle.close();
    else {
      const head = bytes.toString('latin1');
      this.#answered.push({
        handle,
        head,
        host: host ?? null,
        secure: false,
        handedBack: true,
        ...(proxied === undefined ? {} : { proxied }),
        listener: { key: listener, secure: false },
      });
    }
    this.#pass();
    return undefined;
  }

  /** The worker is dead: what it had handed back and nobody has been given. */
  takeBack(): Connection[] {
    clearTimeout(this.#timer);
    return this.#answered.splice(0);
  }

  #violation(
    number: number | undefined,
    handle: NativeHandle | undefined,
    handleLost: boolean,
  ): string | undefined {
    if (number === undefined) return 'a connection handed back without a header';
    if (number !== (this.#count + 1) >>> 0) return `connection ${number} handed back out of turn`;
    if (this.#count >= this.#owner.givenCount) return 'more connections handed back than it was given';
    if (handle === undefined)
      return handleLost ? undefined : 'a connection handed back without its descriptor';
    return isConnection(handle) ? undefined : 'a descriptor handed back that is no TCP connection';
  }

  /** Sites of a listener that the worker's has nothing to do with are for clients that came in there. */
  #misled(listenerKey = ''): string | undefined {
    return this.#owner.wasGivenOf(listenerKey)
      ? undefined
      : `a connection handed back of listener ${listenerKey}, of which it was given none`;
  }

  #answer(number: number, taken: boolean): void {
    this.#link.send(FrameKind.handBackAnswer, encodeHandBackAnswer({ number, taken }));
  }

  /** Were the answer lost with this process, the worker would go on with what another worker has by then. */
  #pass(): void {
    if (this.#answered.length === 0 || this.#timer !== undefined) return;
    if (this.#link.open && this.#link.queuedBytes === 0) {
      for (const connection of this.#answered.splice(0)) this.#owner.onHandedBack(connection);
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#pass();
    }, RETRY_MS);
    this.#timer.unref();
  }
}

const FORGED = 'a connection handed back for a client that it did not come with';

/** How soon it is looked again whether a worker reads its answers, ms. */
const RETRY_MS = 5;
