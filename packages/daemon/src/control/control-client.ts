// Calls one method of a running daemon over its control socket: what the command line does.
import net from 'node:net';
import { VhostError, fromWireError } from '@vhostd/protocol';
import { parseReply, toLine } from './control-message.js';
import { checkSocketPath, systemCode } from './control-socket.js';
import { LineReader } from './line-reader.js';

/** Options of {@link callControl}. */
export interface CallControlOptions {
  /**
   * How long the daemon may stay silent, in ms: until it answers or tells its progress, which starts the time
   * anew. Default 30 000.
   */
  timeoutMs?: number;
  /** Gets what the method tells while it runs. What it throws rejects the call. */
  onProgress?: (value: unknown) => void;
}

/**
 * Calls a method and resolves with its result; the connection is closed then. If it rejects after the request
 * was sent, the daemon may have done what was asked.
 *
 * Rejects with the method's own error, rebuilt; or a VhostError: ERR_DAEMON_NOT_RUNNING (no socket, or nobody
 * listens on it), ERR_CONTROL_DENIED (it belongs to another user), ERR_CONTROL_TIMEOUT, ERR_CONTROL_LOST (the
 * daemon closed the connection without an answer), ERR_CONTROL_ANSWER (it sent what is no answer),
 * ERR_CONTROL_PATH (too long).
 */
export function callControl(
  socketPath: string,
  method: string,
  params: unknown,
  options: CallControlOptions = {},
): Promise<unknown> {
  const { timeoutMs = 30_000, onProgress } = options;
  return new Promise((resolve, reject) => {
    checkSocketPath(socketPath);
    const request = toLine({ id: REQUEST_ID, method, params });
    const reader = new LineReader(MAX_ANSWER_BYTES);
    const socket = net.connect({ path: socketPath });
    let silence = limitSilence();
    let systemError: unknown;

    socket.on('connect', () => socket.write(request));
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of reader.push(chunk)) readLine(line);
      } catch (error) {
        fail(error);
      }
      if (reader.overflowed) fail(badAnswer(method, `a line is longer than ${MAX_ANSWER_BYTES} bytes`));
    });
    socket.on('error', (error) => {
      systemError = error;
    });
    // An answer may have been read although writing failed; so errors count only once nothing more can arrive.
    socket.on('close', () => fail(connectionError(socketPath, method, systemError)));

    function limitSilence(): NodeJS.Timeout {
      return setTimeout(() => {
        fail(
          new VhostError(
            'ERR_CONTROL_TIMEOUT',
            `the daemon did not answer ${method} within ${timeoutMs} ms`,
            {
              info: { method, timeoutMs },
            },
          ),
        );
      }, timeoutMs);
    }

    function readLine(line: string): void {
      const reply = parseReply(line);
      // Before the request was read, the daemon refuses a client with an id of null.
      if (
        reply === undefined ||
        (reply.id !== REQUEST_ID && !(reply.kind === 'error' && reply.id === null))
      ) {
        throw badAnswer(method, `it sent ${JSON.stringify(line.slice(0, 100))}`);
      }
      if (reply.kind === 'error') throw fromWireError(reply.error);
      if (reply.kind === 'progress') {
        clearTimeout(silence);
        silence = limitSilence();
        onProgress?.(reply.progress);
      } else {
        clearTimeout(silence);
        resolve(reply.result);
        socket.destroy();
      }
    }

    function fail(error: unknown): void {
      clearTimeout(silence);
      reject(error instanceof Error ? error : new VhostError('ERR_CALL_FAILED', String(error)));
      socket.destroy();
    }
  });
}

const REQUEST_ID = 1;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

function connectionError(path: string, method: string, cause: unknown): VhostError {
  const info = { path, method };
  // The daemon may have begun it, and its master be at it.
  const hint = method === 'status' ? '' : '; it may go on all the same, as vhostd status tells';
  if (cause === undefined) {
    return new VhostError(
      'ERR_CONTROL_LOST',
      `the daemon closed the connection before it answered ${method}${hint}`,
      { info },
    );
  }
  const code = systemCode(cause);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new VhostError('ERR_DAEMON_NOT_RUNNING', `no daemon is running: ${path} (${code})`, {
      info,
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new VhostError(
      'ERR_CONTROL_DENIED',
      `${path} belongs to another user (${code}): call as the user whom the daemon runs as`,
      { info, cause },
    );
  }
  return new VhostError(
    'ERR_CONTROL_LOST',
    `lost the connection to the daemon (${code}) before it answered ${method}${hint}`,
    { info, cause },
  );
}

function badAnswer(method: string, what: string): VhostError {
  return new VhostError('ERR_CONTROL_ANSWER', `what answers ${method} is no daemon of vhostd: ${what}`, {
    info: { method },
  });
}
