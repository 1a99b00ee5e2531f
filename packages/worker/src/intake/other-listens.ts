// In a cluster worker Node asks the primary for whatever a server listens on. A site's other servers (metrics,
// an admin port, a Unix socket) and its datagram sockets are its own business: here they bind in this process.
import cluster from 'node:cluster';
import { Socket } from 'node:dgram';
import type { Server } from 'node:net';
import { hookClusterListen, listenAttempt, listenHere } from '../node/native-handle.js';

/**
 * From here on every `listen` and `bind` in this cluster worker binds as it would in a process of its own;
 * a port that is taken gives EADDRINUSE. A server that is adopted, closed or told to listen again before the
 * next tick binds nothing, and so does one that `claim` takes. In a process that is not a cluster worker nothing
 * changes. Returns the undo.
 */
export function listenInThisProcess(claim: (server: Server) => boolean = () => false): () => void {
  if (!cluster.isWorker) return () => undefined;
  const unhook = hookClusterListen((server, query) => {
    // A path (port -1) binds at once, since `listen` sets its mode right after.
    if (query.port === -1 && typeof query.address === 'string') {
      listenHere(server, query);
      return;
    }
    const attempt = listenAttempt(server);
    process.nextTick(() => {
      if (server.listening || listenAttempt(server) !== attempt || claim(server)) return;
      listenHere(server, query);
    });
  });
  const unbind = bindExclusively();
  return () => {
    unhook();
    unbind();
  };
}

type Bind = (this: Socket, ...args: unknown[]) => Socket;

/** Gives every `bind` of a datagram socket the documented option `exclusive`. */
function bindExclusively(): () => void {
  const prototype: object = Socket.prototype;
  const nodeBind: Bind = Reflect.get(prototype, 'bind');
  const exclusive: Bind = function bindHere(...args) {
    const [first, second] = args;
    const callback = args.filter((value) => typeof value === 'function').slice(-1);
    if (typeof first === 'object' && first !== null) {
      // A handle, which Node takes as it is.
      if ('recvStart' in first) return nodeBind.apply(this, args);
      return nodeBind.call(this, { ...first, exclusive: true }, ...callback);
    }
    const port = typeof first === 'function' ? undefined : first;
    const address = typeof second === 'function' ? undefined : second;
    return nodeBind.call(this, { port, address, exclusive: true }, ...callback);
  };
  Reflect.set(prototype, 'bind', exclusive);
  return () => {
    Reflect.set(prototype, 'bind', nodeBind);
  };
}
