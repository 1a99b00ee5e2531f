// Asks a running daemon over its control socket: what the command line does.
import http from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { fromWireError, VhostError } from '@vhostd/protocol';
import { LINES_TYPE } from './answer-format.js';
import { checkSocketPath, systemCode } from './control-socket.js';

/** One request. */
export interface ControlRequestOptions {
  method: string;
  /** Such as `/sites/shop/pause`. */
  path: string;
  /** Sent as JSON. Default none. */
  body?: unknown;
  /**
   * How long the daemon may stay silent, ms: until it answers or says that it is at work, which starts the time anew.
   * Default 30 000.
   */
  timeoutMs?: number;
  /** Gets what the daemon tells meanwhile. What it throws rejects the request. */
  onProgress?: (value: unknown) => void;
  /** Ends the request, which rejects with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Asks and resolves with the answer. If it rejects after the request was sent, the daemon may have done what was asked.
 *
 * Rejects with the daemon's own error, rebuilt; or a VhostError: ERR_DAEMON_NOT_RUNNING (no socket, or nobody
 * listens on it), ERR_CONTROL_BUSY (too many ask, for 3 s), ERR_CONTROL_DENIED (it belongs to another user), ERR_CONTROL_TIMEOUT, ERR_CONTROL_LOST (the
 * daemon closed the connection without an answer), ERR_CONTROL_ANSWER (it sent what is no answer),
 * ERR_CONTROL_PATH (too long).
 */
export async function requestControl(socketPath: string, options: ControlRequestOptions): Promise<unknown> {
  const { timeoutMs = 30_000, signal } = options;
  const untilMs = performance.now() + Math.min(timeoutMs, BUSY_LIMIT_MS);
  for (;;) {
    try {
      return await ask(socketPath, options);
    } catch (error) {
      const isBusy = error instanceof VhostError && error.code === 'ERR_CONTROL_BUSY';
      if (!isBusy || performance.now() >= untilMs) throw error;
    }
    await delay(BUSY_AGAIN_MS, undefined, signal === undefined ? {} : { signal });
  }
}

function ask(socketPath: string, options: ControlRequestOptions): Promise<unknown> {
  const { method, path, body, timeoutMs = 30_000, onProgress, signal } = options;
  const what = `${method} ${path}`;
  return new Promise((resolve, reject) => {
    checkSocketPath(socketPath);
    const payload = body === undefined ? '' : JSON.stringify(body);
    const request = http.request({
      socketPath,
      method,
      path: `/v1${path}`,
      headers: {
        host: 'vhostd',
        accept: LINES_TYPE,
        ...(payload === ''
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
      },
      agent: false,
    });
    const stop = (): void => settle(reject, signal?.reason);
    let settled = false;
    let silence = limitSilence();
    signal?.addEventListener('abort', stop);
    request.on('error', (error) => fail(connectionError(socketPath, what, error)));
    request.on('response', (response) => {
      let rest = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        clearTimeout(silence);
        if (!settled) silence = limitSilence();
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line !== '' && !settled) read(line);
        if (rest.length > MAX_LINE_CHARS)
          fail(badAnswer(what, `a line is longer than ${MAX_LINE_CHARS} characters`));
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        fail(rest === '' ? connectionError(socketPath, what, undefined) : badAnswer(what, rest));
      });
    });
    request.end(payload);

    function limitSilence(): NodeJS.Timeout {
      const message = `the daemon did not answer ${what} within ${timeoutMs} ms`;
      return setTimeout(
        () => fail(new VhostError('ERR_CONTROL_TIMEOUT', message, { info: { request: what, timeoutMs } })),
        timeoutMs,
      );
    }

    function read(line: string): void {
      try {
        const value: unknown = JSON.parse(line);
        if (typeof value !== 'object' || value === null) throw new SyntaxError('not an object');
        if ('error' in value) fail(fromWireError(value.error));
        else if ('result' in value) settle(resolve, value.result);
        else if ('progress' in value) onProgress?.(value.progress);
        else throw new SyntaxError('neither result nor error');
      } catch (error) {
        fail(error instanceof SyntaxError ? badAnswer(what, line) : error);
      }
    }

    function fail(error: unknown): void {
      settle(reject, error);
    }

    function settle(how: (value: unknown) => void, value: unknown): void {
      if (settled) return;
      settled = true;
      clearTimeout(silence);
      signal?.removeEventListener('abort', stop);
      request.destroy();
      how(value);
    }
  });
}

/** How long it is asked again where too many ask, and how often, ms. Nothing has been done then. */
const BUSY_LIMIT_MS = 3000;
const BUSY_AGAIN_MS = 50;
const MAX_LINE_CHARS = 64 * 1024 * 1024;

function connectionError(path: string, what: string, cause: unknown): VhostError {
  const info = { path, request: what };
  // The daemon may have begun it, and its master be at it.
  const hint = what.startsWith('GET ') ? '' : '; it may go on all the same, as vhostd status tells';
  const code = cause === undefined ? undefined : systemCode(cause);
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new VhostError('ERR_DAEMON_NOT_RUNNING', `no daemon is running: ${path} (${code})`, {
      info,
      cause,
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    const message = `${path} belongs to another user (${code}): call as the user whom the daemon runs as`;
    return new VhostError('ERR_CONTROL_DENIED', message, { info, cause });
  }
  if (code === 'EAGAIN') {
    const message = `more clients wait at ${path} than its queue has room for: ask again later`;
    return new VhostError('ERR_CONTROL_BUSY', message, { info, cause });
  }
  if (code?.startsWith('HPE_') === true) return badAnswer(what, 'not HTTP');
  const how =
    code === undefined ? 'the daemon closed the connection' : `lost the connection to the daemon (${code})`;
  return new VhostError('ERR_CONTROL_LOST', `${how} before it answered ${what}${hint}`, { info, cause });
}

function badAnswer(what: string, answer: string): VhostError {
  const message = `what answers ${what} is no daemon of vhostd: it sent ${JSON.stringify(answer.slice(0, 100))}`;
  return new VhostError('ERR_CONTROL_ANSWER', message, { info: { request: what } });
}
