// Runs the two example sites until Ctrl-C: what `pnpm start` runs. PORT names the port; a taken one is passed over.
'use strict';
const { spawn } = require('node:child_process');
const events = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');

const CONF = path.join(__dirname, 'vhostd.config.json');
const STATE_DIR = path.join(__dirname, '.vhostd');
const RUN_DIR = path.join(STATE_DIR, 'run');
const PID_FILE = path.join(RUN_DIR, 'daemon.pid');
/** How often it is looked whether a daemon lives, ms. */
const LOOK_MS = 100;
const VHOSTD = path.join(path.dirname(require.resolve('vhostd/package.json')), 'bin/vhostd.js');
/** The port of the sites in vhostd.config.json. */
const CONF_PORT = 8080;

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});

async function main() {
  const port = await findFreePort(Number(process.env.PORT ?? CONF_PORT));
  const args = ['run', '--config', confFor(port), '--run-dir', RUN_DIR, '--log-level', 'warn'];
  // In a process group of its own: Ctrl-C reaches this process alone, which then asks vhostd to stop, once.
  const vhostd = spawn(process.execPath, [VHOSTD, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let daemon = vhostd.pid;
  stopWith(() => isAlive(daemon) && process.kill(daemon, 'SIGTERM'));
  let greeted = false;
  vhostd.stdout.on('data', (chunk) => {
    process.stdout.write(chunk);
    if (greeted || !chunk.includes('vhostd ready')) return;
    greeted = true;
    greet(port);
  });
  let [code] = await events.once(vhostd, 'exit');
  // After `vhostd upgrade`, or when the daemon was killed, another one is there.
  for (
    let next = await daemonAfter(daemon, code);
    next !== undefined;
    next = await daemonAfter(daemon, null)
  ) {
    console.log(`The daemon is process ${next} now.`);
    daemon = next;
    while (isAlive(daemon)) await delay(LOOK_MS);
    code = 0;
  }
  if (code === 0) console.log('All processes have ended.');
  process.exitCode = code ?? 1;
}

/** The process of the daemon that follows one which has ended; undefined if none does. */
async function daemonAfter(pid, code) {
  // One that was killed is followed a moment later; one that has stopped has taken its PID file along.
  for (let waitedMs = 0; waitedMs < 3000 && fs.existsSync(PID_FILE); waitedMs += LOOK_MS) {
    const next = Number.parseInt(fs.readFileSync(PID_FILE, 'utf8'), 10);
    if (next !== pid && isAlive(next)) return next;
    if (code !== null) return undefined;
    await delay(LOOK_MS);
  }
  return undefined;
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The first port from `first` on that nobody listens on. */
async function findFreePort(first) {
  for (let port = first; port < first + 100; port += 1) {
    const server = net.createServer();
    const free = await new Promise((resolve, reject) => {
      server.once('listening', () => resolve(true));
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)));
      server.listen(port);
    });
    if (free) await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
  throw new Error(`each port from ${first} to ${first + 99} is taken`);
}

/** The conf file itself, or on another port a copy of it with that port and absolute paths. */
function confFor(port) {
  fs.mkdirSync(STATE_DIR, { recursive: true, mode: 0o700 });
  if (port === CONF_PORT) return CONF;
  const conf = JSON.parse(fs.readFileSync(CONF, 'utf8'));
  for (const site of conf.sites) {
    site.path = path.join(__dirname, site.path);
    for (const entry of site.listen) entry.port = port;
  }
  const copy = path.join(STATE_DIR, 'vhostd.config.json');
  fs.writeFileSync(copy, JSON.stringify(conf, null, 2));
  return copy;
}

function greet(port) {
  const runDir = path.relative(process.cwd(), RUN_DIR) || '.';
  console.log(`
  express site  http://express.localhost:${port}/
  plain site    http://plain.localhost:${port}/

  In another terminal:
    npx vhostd status --run-dir ${runDir}
    npx vhostd reload --run-dir ${runDir}

  Ctrl-C stops all of it.
`);
}

/** Ctrl-C, `kill` and a closed terminal all ask for a stop; a second Ctrl-C, a while later, for one at once. */
function stopWith(askToStop) {
  let askedAtMs = -Infinity;
  const stop = () => {
    // pnpm passes on the signal that the terminal has sent to this process as well: that is one wish, not two.
    if (performance.now() - askedAtMs < 300) return;
    askedAtMs = performance.now();
    askToStop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
}
