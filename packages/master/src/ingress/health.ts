// The listeners' own answer to health checks: whether new requests are welcome here, whatever becomes of any one site.
import { STATUS_CODES } from 'node:http';

/** `starting`: not every site has been published yet, or has failed to be. `stopping`: a stop has been asked for. */
export type HealthState = 'starting' | 'serving' | 'stopping';

export class Health {
  /** The path of health checks; undefined: there are none. */
  path: string | undefined;
  state: HealthState = 'starting';

  /** Whether the head of a request asks for it. `head`: its bytes, from the first one on. */
  isAskedBy(head: Buffer | string): boolean {
    if (this.path === undefined) return false;
    return REQUEST_LINE.exec(head.toString('latin1'))?.[2] === this.path;
  }

  /** A complete answer, which ends the connection. */
  answerTo(head: Buffer | string): Buffer {
    const status = this.state === 'serving' ? 200 : 503;
    const body = `${this.state}\n`;
    const fields = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Date: ${new Date().toUTCString()}`,
      'Connection: close',
      'Cache-Control: no-store',
      'Content-Type: text/plain',
      `Content-Length: ${body.length}`,
    ];
    const isHead = REQUEST_LINE.exec(head.toString('latin1'))?.[1] === 'HEAD';
    return Buffer.from(`${fields.join('\r\n')}\r\n\r\n${isHead ? '' : body}`, 'latin1');
  }
}

/** Method and path of a request, empty lines in front and an authority aside. */
const REQUEST_LINE =
  /^(?:\r\n)*(GET|HEAD) (?:https?:\/\/[^/?\s]+(?=\/))?(\/[^?\s]*)(?:\?\S*)? HTTP\/1\.[01]\r\n/;
