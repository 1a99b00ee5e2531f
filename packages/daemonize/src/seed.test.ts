// The two programs of the daemon helper's document run as they stand, with this package's name in place of its own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, until } from './bench.test.kit.js';

const FIRST = `const Daemon = require('@vhostd/daemonize');
// Créer une instance pour gérer un serveur
const serverDaemon = new Daemon(
  'myServer', // Nom du serveur
  './path/to/server.js', // Chemin vers le script du serveur
  {
    detached: true, // Exécuter en arrière-plan
    env: process.env, // Variables d'environnement
  },
  false, // Désactiver les logs
  myResponseAPI // API de réponse Xcraft (optionnel)
);
// Démarrer le serveur
serverDaemon.start();
// Plus tard, arrêter le serveur
serverDaemon.stop();
`;

const SECOND = `const Daemon = require('@vhostd/daemonize');
const serverDaemon = new Daemon(
  'debugServer',
  './server.js',
  {
    detached: false,
    inspectPort: 9230, // Port pour le débogueur Node.js
  },
  true, // Activer les logs
  myResponseAPI
);
serverDaemon.start();
`;

/** What the document takes for granted: the response object, and the exit of the caller. */
const RESPONSE = `
const print = (level) => (message) => console.log(level + ' ' + message);
globalThis.myResponseAPI = { log: { verb: print('verb'), info: print('info'), warn: print('warn'), err: print('err'), dbg: print('dbg') } };
`;
const SERVER = `const server = require('http').createServer();
server.listen(0, () => console.log('listens'));
process.on('SIGTERM', () => { console.log('leaves'); server.close(); });`;

void describe('the programs of the document', () => {
  for (const [what, response] of [
    ['with a response object', RESPONSE],
    ['without one', 'globalThis.myResponseAPI = undefined;'],
  ] as const) {
    void it(`starts a server in the background, and stops it, ${what}`, async (t) => {
      const bench = new Bench(t);
      bench.write('path/to/server.js', SERVER);
      const preload = bench.write('response.cjs', response);
      const ran = await bench.run('first.js', FIRST, { NODE_OPTIONS: `--require=${preload}` });
      assert.equal(ran.code, 0, ran.output);
      assert.deepEqual(bench.processes(), []);
      if (response !== RESPONSE) return assert.equal(ran.output, '');
      assert.match(
        ran.output,
        /^info myServer: started, process (\d+)\ninfo myServer: process \1 ended with (0|SIGTERM)\ninfo myServer: stopped, process \1\n$/,
      );
    });
  }

  void it('starts a server with its logs, and stays with it until it is stopped', async (t) => {
    const bench = new Bench(t);
    bench.write('server.js', SERVER);
    const preload = bench.write('response.cjs', RESPONSE);
    const env = { NODE_OPTIONS: `--require=${preload}` };
    const running = bench.run('second.js', SECOND, env);
    await until('the process', () => /^\d+\n/u.test(bench.read('run/debugServer.pid')));
    await until('the signal handler', () => bench.processes().length === 2);
    const stop = SECOND.replace('start', 'stop');
    const [ran, stopped] = await Promise.all([running, bench.run('stop.js', stop, env)]);
    assert.match(stopped.output, /^info debugServer: stopped, process \d+\n$/);
    assert.equal(ran.code, 0, ran.output);
    assert.match(ran.output, /^info debugServer: started, process \d+\n/);
    assert.deepEqual(bench.processes(), []);
  });

  void it('starts it with the debugger, where the variable of the document says so', async (t) => {
    const bench = new Bench(t);
    bench.write(
      'server.js',
      `console.log(process.execArgv.join(' ')); setTimeout(() => process.exit(), 50);`,
    );
    const preload = bench.write('response.cjs', RESPONSE);
    const ran = await bench.run('second.js', SECOND, {
      XCRAFT_DEBUG: '1',
      NODE_OPTIONS: `--require=${preload}`,
    });
    assert.match(ran.output, /^info debugServer: --inspect=9230$/m);
  });
});
