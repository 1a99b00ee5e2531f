// The undocumented parts of node:dgram that sharing a socket needs. Checked on Node 20.20, 22.23, 24.21 and 26.12;
// test/process/apps/shared-datagrams.test.ts fails where one of them changes.
//
// The object under the symbol 'state symbol': `handle`, null once the socket is closed; `bindState`, 0 for an unbound
// socket and 1 for one that binds, whose messages wait; `reuseAddr`, `reusePort`, `ipv6Only` as the app has asked.
// `bind` takes a handle as it is.
import { Socket } from 'node:dgram';

/** What a `bind` asks for. */
export interface BindQuery {
  readonly port?: unknown;
  readonly address?: unknown;
  readonly exclusive?: unknown;
  readonly fd?: unknown;
}

/** Node's own `bind`, to which options of any form are passed. */
export type Bind = (this: Socket, ...args: unknown[]) => Socket;

interface DatagramState {
  handle: { recvStop(): number } | null;
  bindState: number;
  reuseAddr?: boolean;
  reusePort?: boolean;
  ipv6Only?: boolean;
}

/** Lets every `bind` of this process go through `hook`, which gets Node's own. Returns the undo. */
export function hookBind(hook: (socket: Socket, args: readonly unknown[], bind: Bind) => void): () => void {
  const prototype: object = Socket.prototype;
  const nodeBind: Bind = Reflect.get(prototype, 'bind');
  const hooked: Bind = function bind(...args) {
    hook(this, args, nodeBind);
    return this;
  };
  Reflect.set(prototype, 'bind', hooked);
  return () => {
    Reflect.set(prototype, 'bind', nodeBind);
  };
}

/** Whether the app wants no socket that others have as well, has bound it already, or this Node can't tell. */
export function isOwn(socket: Socket): boolean {
  const state = stateOf(socket);
  if (state === undefined || state.bindState !== UNBOUND) return true;
  return [state.reuseAddr, state.reusePort, state.ipv6Only].includes(true);
}

/** Lets a socket say that it is being bound: what is sent waits, and a second `bind` fails. */
export function beginBinding(socket: Socket): void {
  const state = stateOf(socket);
  if (state !== undefined) state.bindState = BINDING;
}

/** Ends that. False: the socket has been closed meanwhile. */
export function endBinding(socket: Socket): boolean {
  const state = stateOf(socket);
  if (state === undefined || state.handle === null) return false;
  state.bindState = UNBOUND;
  return true;
}

/** Reads nothing more; what is sent still goes. */
export function stopReceiving(socket: Socket): void {
  stateOf(socket)?.handle?.recvStop();
}

function stateOf(socket: Socket): DatagramState | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  );
  const state: unknown = symbol && Reflect.get(socket, symbol);
  if (typeof state !== 'object' || state === null) return undefined;
  return 'handle' in state && 'bindState' in state ? (state as DatagramState) : undefined;
}

const UNBOUND = 0;
const BINDING = 1;
