// A connection under a TLS client that cuts the client's first handshake message into records of its own size.
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** What TLS allows and nobody does: a ClientHello in records of `size` bytes (RFC 8446 5.1). */
export function splitRecords(socket: Socket, size: number): Duplex {
  let answered = false;
  let unfinished: Buffer = Buffer.alloc(0);
  const split = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (answered) {
        socket.write(chunk, done);
        return;
      }
      const { whole, rest } = wholeRecords(Buffer.concat([unfinished, chunk]));
      unfinished = rest;
      socket.write(Buffer.concat(whole.flatMap((content) => inRecords(content, size))), done);
    },
    final: (done) => void socket.end(done),
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    answered = true;
    if (!split.push(chunk)) socket.pause();
  });
  socket.on('end', () => split.push(null));
  socket.on('error', (error) => split.destroy(error));
  return split;
}

/** The contents of the handshake records in these bytes, and what is behind the last whole one. */
function wholeRecords(bytes: Buffer): { whole: Buffer[]; rest: Buffer } {
  const whole: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length && at + 5 + bytes.readUInt16BE(at + 3) <= bytes.length) {
    const end = at + 5 + bytes.readUInt16BE(at + 3);
    whole.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return { whole, rest: bytes.subarray(at) };
}

function inRecords(content: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = [];
  for (let from = 0; from < content.length; from += size) {
    const piece = content.subarray(from, from + size);
    pieces.push(Buffer.of(TYPE_HANDSHAKE, 3, 1, piece.length >> 8, piece.length & 255), piece);
  }
  return pieces;
}

const TYPE_HANDSHAKE = 22;
