// The words of HTTP/2 for a connection in clear that nobody will serve: its client could not read a status.

/** Error codes of RFC 9113 7. */
export const Http2Code = {
  noError: 0x0,
  protocolError: 0x1,
  enhanceYourCalm: 0xb,
  http11Required: 0xd,
} as const;

/** An empty SETTINGS, with which a server must begin (RFC 9113 3.4). */
const SETTINGS = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
const GOAWAY = 7;
const FIRST_LINE = 'PRI * HTTP/2.0\r\n';

/** Whether a connection in clear begins with the preface of HTTP/2, or with its first line. */
export function speaksHttp2(head: Buffer | string): boolean {
  if (typeof head === 'string') return head.startsWith(FIRST_LINE);
  return head.subarray(0, FIRST_LINE.length).toString('latin1') === FIRST_LINE;
}

/** SETTINGS, and a GOAWAY that says that no stream was served; `text`, in ASCII, is for debugging. */
export function http2Goaway(code: number, text: string): Buffer {
  const frame = Buffer.alloc(9 + 8 + text.length);
  frame.writeUIntBE(frame.length - 9, 0, 3);
  frame.writeUInt8(GOAWAY, 3);
  frame.writeUInt32BE(code, 13);
  frame.write(text, 17, 'latin1');
  return Buffer.concat([SETTINGS, frame]);
}
