'use strict';
// An Express app as a site: it is given its connections, so it listens on nothing itself.
const http = require('node:http');
const path = require('node:path');
const express = require('express');
const worker = require('@vhostd/worker');

const app = express();
let answered = 0;

app.use(express.static(path.join(__dirname, 'public')));

app.get('/who', (request, response) => {
  answered += 1;
  // A connection of its own for each answer, so that the page can watch how they are spread over the workers.
  response.set({ Connection: 'close', 'Cache-Control': 'no-store' });
  response.json({
    site: worker.siteId,
    worker: worker.id,
    pid: process.pid,
    generation: worker.generation,
    answered,
  });
});

worker.server = http.createServer(app);
worker.on('drain', () => console.log(`${worker.id} takes no new connection`));
console.log(`${worker.id} started as process ${process.pid}`);
