// How acme-client talks to an authority: what goes wrong becomes an error of ours that says whether it is an outage, a limit
// or a refusal. It tries nothing again by itself but a bad nonce: when to try again is for the schedule to say.
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { rootCertificates } from 'node:tls';
import acme from 'acme-client';
import { VhostError } from '@vhostd/protocol';

/** `caFile`: a certificate that the authority's server is trusted by, beside the usual ones. */
export function configureHttp(caFile: string | undefined): void {
  const { axios } = acme;
  axios.defaults.timeout = TIMEOUT_MS;
  axios.defaults.maxContentLength = MAX_BYTES;
  axios.defaults.httpsAgent =
    caFile === undefined ? undefined : new Agent({ ca: [...rootCertificates, readFileSync(caFile, 'utf8')] });
  axios.interceptors.response.clear();
  // It is asked to take every status for an error.
  axios.interceptors.response.use(undefined, (failure: unknown) => {
    const response = responseOf(failure);
    if (response === undefined) throw outage(failure);
    if (response.status < 400 || problemType(response) === 'badNonce') return response;
    throw problem(response);
  });
}

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

function outage(cause: unknown): VhostError {
  const code: unknown = Reflect.get(Object(cause), 'code');
  const text = cause instanceof Error && cause.message !== '' ? cause.message : String(code);
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

const TIMEOUT_MS = 60_000;
const MAX_BYTES = 1024 * 1024;
