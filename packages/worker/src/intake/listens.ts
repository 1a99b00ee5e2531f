// What a site's code lets listen goes through here: its HTTP servers on ports are shown to whoever picks the site's
// server of them, everything else (TCP, Unix sockets, datagrams) binds in this process, as in one without a cluster.
import cluster from 'node:cluster';
import type { Socket } from 'node:dgram';
import type { Server } from 'node:net';
import { hookBind } from '../node/datagrams.js';
import type { Bind, BindQuery } from '../node/datagrams.js';
import { bindHere, hookListen, listenAttempt, listenHere } from '../node/native-handle.js';
import type { ListenQuery } from '../node/native-handle.js';

/** What is told of a `listen`. */
export type OnListen = (server: Server, query: ListenQuery) => void;

/** Says true where it has seen to a server that listens on a TCP port. */
export type TakeListen = (server: Server, query: ListenQuery) => boolean;

/** Who sees to what an app lets listen. */
export interface ListenWatch {
  /** Gets HTTP servers first. */
  take: TakeListen;
  /** Is told of the rest, datagrams apart. */
  onOther: OnListen;
  /** Gets the rest then. Default: it is bound in this process. */
  share?: TakeListen;
  /** Says true where it has seen to a datagram socket. Default: it is bound in this process. */
  shareDatagrams?: (socket: Socket, query: BindQuery, bind: Bind) => boolean;
}

/**
 * From here on every `listen` and `bind` of this process binds as it would in a process of its own, but for what `take`,
 * `share` and `shareDatagrams` see to; a port that is taken gives EADDRINUSE. Returns the undo.
 */
export function watchListens({ take, onOther, share, shareDatagrams }: ListenWatch): () => void {
  const unhook = hookListen((server, query) => {
    if (onPort(query) && isHttp(server) && take(server, query)) return;
    onOther(server, query);
    if (onPort(query) && share?.(server, query) === true) return;
    listenNow(server, query);
  });
  const unbind = watchBinds(shareDatagrams);
  return () => {
    unhook();
    unbind();
  };
}

/** Binds at once, so that `address()` tells where right behind `listen`. A failure follows on the next tick. */
export function listenNow(server: Server, query: ListenQuery): void {
  if (!onPort(query)) return listenHere(server, query);
  const attempt = listenAttempt(server);
  bindHere(server, query, (error) => {
    // Adopted, closed or told to listen again by now, it does not want the port any more.
    if (!server.listening && listenAttempt(server) === attempt) server.emit('error', error);
  });
}

/** Whether a server speaks HTTP/1 or HTTP/2, in clear or not. Of node:http2 there is no class to ask for. */
export function isHttp(server: Server): boolean {
  return 'closeAllConnections' in server || 'updateSettings' in server;
}

function onPort({ address, port, fd }: ListenQuery): boolean {
  const byPath = port === -1 && typeof address === 'string';
  return !byPath && typeof port === 'number' && typeof fd !== 'number';
}

/** Gives every `bind` of a datagram socket the documented option `exclusive`, without which a cluster shares it. */
function watchBinds(share: ListenWatch['shareDatagrams']): () => void {
  if (!cluster.isWorker) return () => undefined;
  return hookBind((socket, args, bind) => {
    const [first, second] = args;
    // A handle, which Node takes as it is.
    if (typeof first === 'object' && first !== null && 'recvStart' in first) {
      bind.apply(socket, [...args]);
      return;
    }
    const [callback] = args.filter((value) => typeof value === 'function').slice(-1);
    const query: BindQuery =
      typeof first === 'object' && first !== null
        ? first
        : {
            ...(typeof first === 'function' || first === undefined ? {} : { port: first }),
            ...(typeof second === 'string' ? { address: second } : {}),
          };
    if (share?.(socket, query, bind) === true) {
      if (typeof callback === 'function') socket.once('listening', callback as () => void);
      return;
    }
    bind.apply(socket, [{ ...query, exclusive: true }, ...(callback === undefined ? [] : [callback])]);
  });
}
