// How acme-client talks to an authority: what goes wrong becomes an error of ours that says whether it is an outage, a limit
// or a refusal. It tries nothing again by itself but a bad nonce: when to try again is for the schedule to say.
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { createSecureContext, rootCertificates } from 'node:tls';
import acme from 'acme-client';
import { VhostError } from '@vhostd/protocol';

/**
 * `caFile`: a certificate that the authority's server is trusted by, beside the usual ones. `limitMs`: for a request and the
 * whole of its answer; the time limit of axios begins anew with each byte.
 */
export function configureHttp(caFile: string | undefined, limitMs: number = LIMIT_MS): void {
  const { axios } = acme;
  axios.interceptors.request.clear();
  axios.interceptors.request.use((config) => {
    countRequest();
    config.signal = AbortSignal.timeout(limitMs);
    // Every status is looked at below.
    config.validateStatus = () => false;
    return config;
  });
  axios.defaults.maxContentLength = MAX_BYTES;
  axios.defaults.httpsAgent = caFile === undefined ? undefined : agentTrusting(caFile);
  axios.interceptors.response.clear();
  axios.interceptors.response.use(undefined, (failure: unknown) => {
    if (failure instanceof VhostError) throw failure;
    const response = responseOf(failure);
    if (response === undefined) throw outage(failure, limitMs);
    if (response.status < 400 || problemType(response) === 'badNonce') return response;
    throw problem(response);
  });
}

/** One context for all its connections: each would take a megabyte, which is freed late. */
function agentTrusting(caFile: string): Agent {
  const ca = [...rootCertificates, readFileSync(caFile, 'utf8')];
  return new Agent({ secureContext: createSecureContext({ ca }) });
}

/**
 * Runs an attempt, which ends with ERR_ACME_REFUSED after so many requests, or so long. acme-client asks for an account
 * for ever where an authority says that there is one, and does not say which.
 */
export async function bounded<T>(
  attempt: () => Promise<T>,
  { requests = REQUESTS_MAX_COUNT, limitMs = ATTEMPT_LIMIT_MS }: { requests?: number; limitMs?: number } = {},
): Promise<T> {
  return await attempts.run({ left: requests, endMs: performance.now() + limitMs }, attempt);
}

/** Those of no attempt are single ones. */
function countRequest(): void {
  const attempt = attempts.getStore();
  if (attempt === undefined) return;
  attempt.left -= 1;
  if (attempt.left >= 0 && performance.now() <= attempt.endMs) return;
  throw new VhostError(
    'ERR_ACME_REFUSED',
    'the authority asks for one request after the other, without an end',
  );
}

const attempts = new AsyncLocalStorage<{ left: number; readonly endMs: number }>();

/** What an authority says of itself, and GET requests without a signature. */
export async function getJson(url: string): Promise<{ data: unknown; retryAfterMs: number | undefined }> {
  const { data, headers } = await acme.axios.get<unknown>(url);
  return { data, retryAfterMs: retryAfter(headers) };
}

/** The last part of the problem's URN (RFC 8555 6.7), such as `rateLimited`. */
export function problemOf(error: unknown): string | undefined {
  const type: unknown = error instanceof VhostError ? error.info['type'] : undefined;
  return typeof type === 'string' ? type : undefined;
}

interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}

function responseOf(failure: unknown): Response | undefined {
  const response: unknown = Reflect.get(Object(failure), 'response');
  return response === undefined ? undefined : (response as Response);
}

function outage(cause: unknown, limitMs: number): VhostError {
  const code: unknown = Reflect.get(Object(cause), 'code');
  const said = cause instanceof Error && cause.message !== '' ? cause.message : String(code);
  const text =
    cause instanceof Error && cause.name === 'CanceledError'
      ? `it has not answered whole within ${limitMs} ms`
      : said;
  return new VhostError('ERR_ACME_UNREACHABLE', `the authority can't be reached: ${text}`, { cause });
}

function problem(response: Response): VhostError {
  const { status, headers, data } = response;
  const detail: unknown = Reflect.get(Object(data), 'detail');
  const type = problemType(response);
  const retryAfterMs = retryAfter(headers);
  const limited = status === 429 || type === 'rateLimited';
  const code = status >= 500 ? 'ERR_ACME_UNREACHABLE' : limited ? 'ERR_ACME_LIMIT' : 'ERR_ACME_REFUSED';
  const text = typeof detail === 'string' ? detail : `status ${status}`;
  const info = { status, type, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return new VhostError(code, `the authority answers: ${text.slice(0, 1000)}`, { info });
}

function problemType({ data }: Response): string | undefined {
  const type: unknown = Reflect.get(Object(data), 'type');
  return typeof type === 'string' ? type.split(':').at(-1) : undefined;
}

/** RFC 9110 10.2.3: seconds or a date. */
function retryAfter(headers: Response['headers']): number | undefined {
  const value = headers['retry-after'];
  if (typeof value !== 'string') return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

const LIMIT_MS = 60_000;
/** An order takes some twenty, and as many as thirty more where the authority is slow; those with a bad nonce come again. */
const REQUESTS_MAX_COUNT = 300;
const ATTEMPT_LIMIT_MS = 30 * 60 * 1000;
const MAX_BYTES = 1024 * 1024;
