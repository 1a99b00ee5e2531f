// https://socket.io/docs/v4/server-initialization/
const { createServer } = require('node:http');
const { Server } = require('socket.io');

const httpServer = createServer();
const io = new Server(httpServer, {});

io.on('connection', (socket) => {
  socket.on('hello', (text, callback) => {
    callback(`hello ${text}`);
  });
});

httpServer.listen(3000);
