// JSON over HTTP to members of etcd. Node's fetch takes no certificates of ours, so this is node:http and node:https.
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as requestHttp } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';

/** Files of TLS, as absolute paths. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** An answer that says no, as etcd words it. */
export class EtcdRefusal extends Error {
  /** Of gRPC: 3 invalid, 5 not found, 11 compacted, 14 unavailable, 16 not authenticated. */
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = 'EtcdRefusal';
    this.code = code;
  }
}

/** One request. */
export interface EtcdCall {
  readonly url: string;
  readonly body: object;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

export class EtcdHttp {
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https: HttpsAgent;

  /** @throws {Error} a file can't be read. */
  constructor({ ca, cert, key }: TlsFiles) {
    const read = (file: string | undefined): Buffer | undefined =>
      file === undefined ? undefined : readFileSync(file);
    this.#https = new HttpsAgent({ keepAlive: true, ca: read(ca), cert: read(cert), key: read(key) });
  }

  /** The answer, decoded. @throws {EtcdRefusal}, or what the connection failed with. */
  async post(call: EtcdCall): Promise<unknown> {
    const response = await this.#send(call);
    const text = await textOf(response);
    let answer: unknown;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new Error(`${call.url} answered ${response.statusCode} and no JSON: ${text.slice(0, 100)}`);
    }
    refuse(answer);
    if (response.statusCode !== 200) throw new Error(`${call.url} answered ${response.statusCode}`);
    return answer;
  }

  /** The messages of an answer that has no end of its own. */
  async *stream(call: EtcdCall): AsyncGenerator {
    const response = await this.#send(call);
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MAX_CHARS) throw new Error(`${call.url} sent a message without end`);
      for (const line of lines) {
        if (line.trim() === '') continue;
        const message: unknown = JSON.parse(line);
        refuse(message);
        yield message;
      }
    }
  }

  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #send({ url, body, token, signal }: EtcdCall): Promise<IncomingMessage> {
    const text = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...(token === undefined ? {} : { authorization: token }),
    };
    const options = { method: 'POST', headers, signal };
    return await new Promise((resolve, reject) => {
      const request: ClientRequest = url.startsWith('https:')
        ? requestHttps(url, { ...options, agent: this.#https })
        : requestHttp(url, { ...options, agent: this.#http });
      request.on('response', resolve);
      request.on('error', reject);
      request.end(text);
    });
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) {
    text += chunk;
    if (text.length > MAX_CHARS) throw new Error('the answer is too long');
  }
  return text;
}

/** Streams wrap what they refuse once more. */
function refuse(answer: unknown): void {
  const error: unknown = Reflect.get(Object(answer), 'error');
  if (error === undefined) return;
  const told: object = typeof error === 'object' && error !== null ? error : Object(answer);
  const {
    code,
    grpc_code: streamCode,
    message,
  } = told as { code?: number; grpc_code?: number; message?: string };
  throw new EtcdRefusal(code ?? streamCode ?? UNKNOWN, message ?? JSON.stringify(error));
}

const UNKNOWN = 2;
/** A range of one page, or the events of one transaction, are far smaller. */
const MAX_CHARS = 64 * 1024 * 1024;
