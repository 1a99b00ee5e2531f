// The listening sockets on which this worker accepts connections by itself. Their queues are shared with the site's other
// workers: what this one does not take, another one does.
import { getSystemErrorName } from 'node:util';
import { VhostError } from '@vhostd/protocol';
import type { DirectListener } from '@vhostd/protocol';
import { DescriptorRoom } from '@vhostd/transport';
import type { ConnectionHeader, NativeHandle } from '@vhostd/transport';
import { listenRaw } from '../node/native-handle.js';

/** Who gets the connections. */
export interface DirectIntake {
  /** Takes one that nobody has read from, and owns its handle from then on. */
  takeAccepted(handle: NativeHandle, header: ConnectionHeader): void;
  /** Connections open now. */
  connectionCount(): number;
  /** Whether it takes no more at present. */
  readonly full: boolean;
  /** Hears whether this process accepts at present: then nobody waits to be told how many there are. */
  setAccepting(accepting: boolean): void;
}

export class DirectAccept {
  readonly #intake: DirectIntake;
  readonly #onRest: (why: 'share' | 'full') => void;
  readonly #room: Pick<DescriptorRoom, 'missing' | 'missingNow'>;
  readonly #sockets = new Map<string, NativeHandle>();
  #upTo = Infinity;
  readonly #closings = new RecentClosings();

  /** `onRest`: it accepts nothing more until {@link listen}. `room` is replaced by tests. */
  constructor(
    intake: DirectIntake,
    onRest: (why: 'share' | 'full') => void,
    room: Pick<DescriptorRoom, 'missing' | 'missingNow'> = new DescriptorRoom(),
  ) {
    this.#intake = intake;
    this.#onRest = onRest;
    this.#room = room;
  }

  /** With how many connections this worker has its share. */
  set upTo(count: number) {
    this.#upTo = count;
    if (this.#sockets.size > 0) this.#look();
  }

  /**
   * Accepts on a socket, which is this one's from here on. False: there is no room for any connection at present.
   * @throws {VhostError} ERR_LISTEN_ADDRESS.
   */
  listen({ listener, secure, backlog, upTo = Infinity }: DirectListener, socket: NativeHandle): boolean {
    this.close(listener);
    if (this.#intake.full || this.#room.missingNow() > 0) {
      socket.close();
      return false;
    }
    this.#upTo = upTo;
    const header: ConnectionHeader = { listener, secure, peeked: false, handedBack: false };
    const errno = listenRaw(socket, backlog, (connection) => {
      const { fd } = connection;
      this.#intake.takeAccepted(connection, header);
      this.#closings.onAccepted(this.#intake.connectionCount(), performance.now());
      this.#look(fd);
    });
    if (errno !== 0) {
      socket.close();
      const message = `cannot accept on ${listener}: ${getSystemErrorName(errno)}`;
      throw new VhostError('ERR_LISTEN_ADDRESS', message, { info: { listener } });
    }
    this.#sockets.set(listener, socket);
    this.#intake.setAccepting(true);
    return true;
  }

  /** Accepts no more on one listener; others take what waits there. */
  close(listener: string): void {
    const socket = this.#sockets.get(listener);
    if (socket === undefined) return;
    socket.close();
    this.#sockets.delete(listener);
    this.#intake.setAccepting(this.#sockets.size > 0);
  }

  /** Accepts no more at all. */
  closeAll(): void {
    for (const listener of this.#sockets.keys()) this.close(listener);
  }

  /** `fd`: the descriptor that has just been given. A handle that listens can rest in no other way than closed. */
  #look(fd?: number): void {
    const isFull = this.#intake.full || this.#room.missing(fd) > 0;
    if (!isFull && !this.#hasShare(this.#intake.connectionCount())) return;
    this.closeAll();
    this.#onRest(isFull ? 'full' : 'share');
  }

  /**
   * Where connections last for a request each, a share is reached at one moment and left at the next: the rest would cost
   * more than it evens out.
   */
  #hasShare(count: number): boolean {
    const isPassing = this.#closings.count >= count / 2;
    return count >= (isPassing ? 2 * this.#upTo : this.#upTo);
  }
}

/** How many connections have closed of late. */
class RecentClosings {
  #sinceMs = 0;
  /** Open when the present term began, and accepted in it. */
  #openCount = 0;
  #acceptedCount = 0;
  #closedCount = 0;
  #closedBefore = 0;

  /** Those of the last one or two terms. */
  get count(): number {
    return this.#closedBefore + this.#closedCount;
  }

  /** One more has been accepted; with it so many are open. */
  onAccepted(openCount: number, nowMs: number): void {
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs >= TERM_MS) {
      this.#closedBefore = passedMs >= 2 * TERM_MS ? 0 : this.#closedCount;
      this.#sinceMs = nowMs;
      this.#openCount = openCount;
      this.#acceptedCount = 0;
      this.#closedCount = 0;
      return;
    }
    this.#acceptedCount += 1;
    this.#closedCount = this.#openCount + this.#acceptedCount - openCount;
  }
}

/** A few times as long as a short request takes, ms. */
const TERM_MS = 50;
