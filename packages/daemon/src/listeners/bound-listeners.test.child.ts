// Stands in for a master: listens on the socket that it is sent and answers every connection with its pid.
import net from 'node:net';

process.on('message', (message: unknown, handle: unknown) => {
  if (message !== 'listen' || handle === undefined) throw new Error('expected a listening handle');
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.end(`${process.pid}\n`);
  });
  server.listen(handle, () => process.send?.('listening'));
});
process.on('disconnect', () => process.exit());
process.send?.('up');
