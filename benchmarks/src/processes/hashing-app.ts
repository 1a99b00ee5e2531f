// The hashing server as an app under PM2, with a graceful start and stop as PM2's documentation asks for them:
// https://pm2.keymetrics.io/docs/usage/signals-clean-restart/. The port comes from the environment variable PORT.
import { createHashingServer } from './hashing-server.js';

const server = createHashingServer();
server.listen(Number(process.env['PORT']), '127.0.0.1', () => {
  process.send?.('ready');
});
process.on('SIGINT', () => {
  server.close(() => process.exit(0));
});
