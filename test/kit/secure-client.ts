// A TLS connection of the wire client; whose certificate it is does not matter here.
import { once } from 'node:events';
import { connect } from 'node:tls';
import { WireClient } from './wire-client.js';

/** Connects to 127.0.0.1 and asks for this server name; rejects when the handshake fails. */
export async function openSecure(port: number, servername: string): Promise<WireClient> {
  const socket = connect({ port, host: '127.0.0.1', servername, rejectUnauthorized: false });
  socket.setNoDelay();
  await once(socket, 'secureConnect');
  return new WireClient(socket);
}
