// Puts a server on a Unix socket path that is its owner's alone, clearing away what a killed daemon left there.
import { once } from 'node:events';
import { lstatSync, unlinkSync } from 'node:fs';
import net from 'node:net';
import { VhostError } from '@vhostd/protocol';

/** The longest path of a Unix socket in bytes on Linux: sun_path of sockaddr_un, less its NUL (unix(7)). */
export const MAX_SOCKET_PATH_BYTES = 107;

/** @throws VhostError ERR_CONTROL_PATH if the path is too long for a Unix socket. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new VhostError(
    'ERR_CONTROL_PATH',
    `the control socket's path has ${bytes} bytes, ${MAX_SOCKET_PATH_BYTES} are allowed: choose a shorter run directory than ${path}`,
    { info: { path, bytes, limitBytes: MAX_SOCKET_PATH_BYTES } },
  );
}

/**
 * Listens on a Unix socket with mode 0600 from its first instant.
 *
 * A socket file on which nobody listens (ECONNREFUSED) is removed first. Two processes that do this at once for
 * one path could remove each other's socket: hold the run directory's lock.
 *
 * @throws VhostError ERR_CONTROL_PATH (too long, or another kind of file is in the way), ERR_CONTROL_IN_USE
 * (somebody listens on it), ERR_CONTROL_LISTEN (anything else).
 */
export async function listenOnSocket(server: net.Server, path: string): Promise<void> {
  checkSocketPath(path);
  for (let attempt = 1; ; attempt++) {
    try {
      await listenPrivately(server, path);
      return;
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'EADDRINUSE' || attempt === MAX_ATTEMPTS) {
        throw new VhostError('ERR_CONTROL_LISTEN', `cannot listen on ${path}: ${code}`, {
          info: { path, errno: code },
          cause: error,
        });
      }
    }
    await removeIfStale(path);
  }
}

const MAX_ATTEMPTS = 3;

async function listenPrivately(server: net.Server, path: string): Promise<void> {
  // bind(2), which creates the file, runs within listen(); so no other code of this thread sees the umask.
  const umask = process.umask(0o177);
  try {
    server.listen({ path });
  } finally {
    process.umask(umask);
  }
  await once(server, 'listening');
}

async function removeIfStale(path: string): Promise<void> {
  // connect(2) to a regular file gives ECONNREFUSED as well, and that one is not ours to remove.
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return;
  if (!status.isSocket()) {
    throw new VhostError('ERR_CONTROL_PATH', `${path} is in the way: it is not a socket`, { info: { path } });
  }
  const probe = net.connect({ path });
  try {
    await once(probe, 'connect');
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return;
    if (code === 'ECONNREFUSED') {
      unlinkSync(path);
      return;
    }
  } finally {
    probe.destroy();
  }
  throw new VhostError('ERR_CONTROL_IN_USE', `another process listens on ${path}`, { info: { path } });
}

/** The code of a system error, for instance `ENOENT`. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}
