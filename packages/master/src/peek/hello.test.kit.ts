// TLS ClientHellos for tests: written by hand in every detail, or taken from this Node's own client.
import { createServer } from 'node:net';
import { connect } from 'node:tls';

/** Parts of a hand-written ClientHello; what is left out is plausible. */
export interface HelloParts {
  sessionId?: Buffer;
  ciphers?: Buffer;
  compression?: Buffer;
  /** The complete extensions in order; undefined leaves out even their length. Default: none but its length. */
  extensions?: readonly Buffer[] | undefined;
}

/** A ClientHello message with its handshake header. */
export function helloMessage(parts: HelloParts = {}): Buffer {
  const {
    sessionId = Buffer.alloc(32, 7),
    // The first is a GREASE value.
    ciphers = Buffer.from([0x5a, 0x5a, 0x13, 0x01, 0x13, 0x02]),
    compression = Buffer.from([0]),
  } = parts;
  const extensions = 'extensions' in parts ? parts.extensions : [];
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 9),
    vector(1, sessionId),
    vector(2, ciphers),
    vector(1, compression),
    extensions === undefined ? Buffer.alloc(0) : vector(2, Buffer.concat(extensions)),
  ]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

export function extension(type: number, body: Buffer): Buffer {
  return Buffer.concat([uint(2, type), vector(2, body)]);
}

/** A server_name extension with one host_name. */
export function serverName(name: string): Buffer {
  return extension(0, vector(2, nameEntry(0, name)));
}

export function nameEntry(type: number, name: string): Buffer {
  return Buffer.concat([Buffer.from([type]), vector(2, Buffer.from(name, 'latin1'))]);
}

/** Bytes behind their length, which takes `lengthBytes`. */
export function vector(lengthBytes: number, bytes: Buffer): Buffer {
  return Buffer.concat([uint(lengthBytes, bytes.length), bytes]);
}

/** Cuts a message into handshake records of at most `fragmentBytes` each. */
export function toRecords(message: Buffer, fragmentBytes = 16_384, minorVersion = 1): Buffer {
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += fragmentBytes) {
    const fragment = message.subarray(at, at + fragmentBytes);
    records.push(Buffer.from([22, 3, minorVersion]), vector(2, fragment));
  }
  return Buffer.concat(records);
}

/** The ClientHello message that this Node's TLS client sends, out of its one record. */
export function realHelloMessage(servername: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      let received = Buffer.alloc(0);
      socket.on('error', reject).on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes]);
        if (received.length < 5 || received.length < 5 + received.readUInt16BE(3)) return;
        socket.destroy();
        server.close(() => resolve(received.subarray(5, 5 + received.readUInt16BE(3))));
      });
    });
    server.on('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      const client = connect({ host: '127.0.0.1', port, servername, ALPNProtocols: ['h2', 'http/1.1'] });
      // It is cut off in the middle of the handshake.
      client.on('error', () => client.destroy());
    });
  });
}

/** A hello with another server_name extension in the place of its own. */
export function withServerName(message: Buffer, extensionBytes: Buffer): Buffer {
  let at = 4 + 2 + 32;
  at += 1 + message.readUInt8(at);
  at += 2 + message.readUInt16BE(at);
  at += 1 + message.readUInt8(at);
  const extensions: Buffer[] = [];
  for (let from = at + 2; from < message.length;) {
    const to = from + 4 + message.readUInt16BE(from + 2);
    extensions.push(message.readUInt16BE(from) === 0 ? extensionBytes : message.subarray(from, to));
    from = to;
  }
  const body = Buffer.concat([message.subarray(4, at), vector(2, Buffer.concat(extensions))]);
  return Buffer.concat([Buffer.from([1]), vector(3, body)]);
}

function uint(byteCount: number, value: number): Buffer {
  const bytes = Buffer.alloc(byteCount);
  bytes.writeUIntBE(value, 0, byteCount);
  return bytes;
}
