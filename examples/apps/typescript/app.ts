// Node strips the types itself, from 22.18 on: https://nodejs.org/api/typescript.html
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';

const port: number = 3000;

const server = createServer((_request: IncomingMessage, response: ServerResponse): void => {
  response.end('Hello World!\n');
});

server.listen(port, '127.0.0.1', () => {
  console.log(`Server running at http://127.0.0.1:${port}/`);
});
