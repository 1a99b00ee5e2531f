// Puts a server on a Unix socket path that is its owner's alone, clearing away what a killed daemon left there.
import { once } from 'node:events';
import { lstatSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { VhostError } from '@vhostd/protocol';

/** The longest path of a Unix socket in bytes on Linux: sun_path of sockaddr_un, less its NUL (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** @throws VhostError ERR_CONTROL_PATH if the path is too long for a Unix socket. */
export function checkSocketPath(socketPath: string): void {
  const bytes = Buffer.byteLength(socketPath);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new VhostError(
    'ERR_CONTROL_PATH',
    `the control socket's path has ${bytes} bytes, ${MAX_SOCKET_PATH_BYTES} are allowed: choose a shorter run directory than ${socketPath}`,
    { info: { path: socketPath, bytes, limitBytes: MAX_SOCKET_PATH_BYTES } },
  );
}

/**
 * Listens on a Unix socket with mode 0600 from its first instant, in the place of a socket file on which nobody listens.
 * The socket is bound beside the path and then renamed: nobody finds it half made, and closing the server, which
 * removes the file that it was bound to, does not remove what stands at the path by then.
 *
 * @returns the inode of the socket file.
 * @throws VhostError ERR_CONTROL_PATH (too long, or another kind of file is in the way), ERR_CONTROL_IN_USE
 * (somebody listens on it), ERR_CONTROL_LISTEN (anything else).
 */
export async function listenOnSocket(server: net.Server, socketPath: string): Promise<number> {
  checkSocketPath(socketPath);
  await refuseLivingSocket(socketPath);
  // No longer than the name of the socket.
  const bound = path.join(path.dirname(socketPath), `.c${process.pid}`);
  try {
    rmSync(bound, { force: true });
    await listenPrivately(server, bound);
    renameSync(bound, socketPath);
    return lstatSync(socketPath).ino;
  } catch (cause) {
    const errno = systemCode(cause);
    const message = `cannot listen on ${socketPath}: ${errno}`;
    throw new VhostError('ERR_CONTROL_LISTEN', message, { info: { path: socketPath, errno }, cause });
  }
}

async function listenPrivately(server: net.Server, bound: string): Promise<void> {
  // bind(2), which creates the file, runs within listen(); so no other code of this thread sees the umask.
  const umask = process.umask(0o177);
  try {
    // Exclusive: in a worker of node:cluster too, this process is the one that listens.
    server.listen({ path: bound, exclusive: true });
  } finally {
    process.umask(umask);
  }
  await once(server, 'listening');
}

async function refuseLivingSocket(socketPath: string): Promise<void> {
  const status = lstatSync(socketPath, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket()) {
    const message = `${socketPath} is in the way: it is not a socket`;
    throw new VhostError('ERR_CONTROL_PATH', message, { info: { path: socketPath } });
  }
  const probe = net.connect({ path: socketPath });
  try {
    await once(probe, 'connect');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return;
  } finally {
    probe.destroy();
  }
  const message = `another process listens on ${socketPath}`;
  throw new VhostError('ERR_CONTROL_IN_USE', message, { info: { path: socketPath } });
}

/** The code of a system error, for instance `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
