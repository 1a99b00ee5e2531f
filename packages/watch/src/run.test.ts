// What only processes can show: ports, process trees, signals, standard input, and what is printed.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import * as api from './index.js';
import { gone, Workspace } from './run.test.kit.js';

/** Prints its pid and stays. */
const STAYS = `console.log('pid ' + process.pid); setInterval(() => {}, 1000);`;
/** Does not end of SIGTERM. */
const STUBBORN = `process.on('SIGTERM', () => console.log('no')); ${STAYS}`;

void describe('a server', () => {
  void test('is restarted on its port with the code that was written, and the time it took is told', async (t) => {
    const space = new Workspace(t);
    const port = await freePort();
    space.write('server.js', server(port, 'one'));
    const watch = space.watch('server.js');
    await watch.says(/serves/);
    assert.equal(await get(port), 'one');
    for (const answer of ['two', 'three', 'four']) {
      space.write('server.js', server(port, answer));
      await watch.says(/watch: server\.js changed\n/);
      await watch.says(/watch: restarted in [\d.]+ m?s, process \d+\n/);
      await watch.says(/serves/);
      assert.equal(await get(port), answer);
    }
    assert.doesNotMatch(watch.output, /EADDRINUSE/);
  });

  void test('whose port is held by a process that it has started, which does not end of SIGTERM, is restarted, too', async (t) => {
    const space = new Workspace(t);
    const port = await freePort();
    const start = (options: string): string =>
      `require('node:child_process').spawn(process.execPath, ['held.js'], { stdio: 'inherit', ${options} }); ${STAYS}`;
    space.write('held.js', `process.on('SIGTERM', () => {}); ${server(port, 'held')}`);
    space.write('server.js', start(''));
    const watch = space.watch('--kill-timeout', '300ms', 'server.js');
    await watch.says(/serves/);
    // in a session of its own, as a program has it that is started `detached`
    space.write('server.js', start('detached: true'));
    await watch.says(/watch: 1 process that it had started is being ended\n/);
    await watch.says(/serves/);
    space.write('server.js', start(''));
    await watch.says(/watch: 1 process that it had started is being ended\n/);
    await watch.says(/serves/);
    assert.doesNotMatch(watch.output, /EADDRINUSE/);
  });

  void test('is restarted once for 500 writes', async (t) => {
    const space = new Workspace(t);
    space.write('server.js', STAYS);
    const watch = space.watch('--delay', '500ms', 'server.js');
    await watch.says(/watches 1 file/);
    for (let count = 0; count < 500; count += 1) space.write(`lib/${count % 100}.js`, String(count));
    await watch.says(/lib\/\d+\.js, lib\/\d+\.js, lib\/\d+\.js and 97 more changed\n/);
    await watch.says(/restarted in/);
    space.write('server.js', `${STAYS} // other`);
    await watch.says(/watch: server\.js changed\n/);
    await watch.says(/restarted in/);
    assert.equal(watch.output.match(/started/g)?.length, 3, watch.output);
  });
});

void describe('a program that ends', () => {
  void test('is started again later and later, and at once when it is mended', async (t) => {
    const space = new Workspace(t);
    space.write('crash.js', 'process.exit(3);');
    const watch = space.watch('crash.js');
    await watch.says(/watch: exited with code 3; starts again in 200 ms, or when a file changes\n/);
    await watch.says(/watch: exited with code 3; starts again in 400 ms, or when a file changes\n/);
    space.write('crash.js', STAYS);
    await watch.says(/watch: crash\.js changed\n/);
    await watch.pid();
  });

  void test('leaves nothing behind that it has started', async (t) => {
    const space = new Workspace(t);
    space.write('child.js', STAYS);
    space.write(
      'crash.js',
      `require('node:child_process').fork('child.js').once('message', () => process.exit(1));`,
    );
    space.write('child.js', `process.send('up'); ${STAYS}`);
    const watch = space.watch('crash.js');
    const pid = await watch.pid();
    await watch.says(/1 process that it had started is being ended/);
    await watch.says(/exited with code 1/);
    await gone(pid);
  });

  void test('waits for a change with -n, and prints the time with -s, also when it is quiet', async (t) => {
    const space = new Workspace(t);
    space.write('job.js', `console.log('done')`);
    const watch = space.watch('-n', 'exit', '-s', 'job.js');
    await watch.says(/watch: \w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT/);
    await watch.says(/watch: exited with code 0; waits for a change \(-n exit\)\n/);
    space.write('job.js', `console.log('done again')`);
    await watch.says(/done again/);
    const quiet = space.watch('-q', '-s', '-n', 'exit', 'job.js');
    await quiet.says(/done again/);
    await quiet.says(/watch: .*GMT.*\n/);
    assert.equal(quiet.output.match(/watch:/g)?.length, 1, quiet.output);
  });
});

void describe('a signal', () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
    void test(`${signal} is passed on, and the exit code is the program's`, async (t) => {
      const space = new Workspace(t);
      space.write(
        'a.js',
        `process.on('${signal}', () => { console.log('got it'); process.exit(7); }); ${STAYS}`,
      );
      const watch = space.watch('a.js');
      const pid = await watch.pid();
      watch.process.kill(signal);
      assert.equal(await watch.ended, 7, watch.output);
      assert.match(watch.output, /got it/);
      await gone(pid);
    });
  }

  void test('SIGINT a second time kills a program that does not end', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', `process.on('SIGINT', () => {}); ${STAYS}`);
    const watch = space.watch('a.js');
    const pid = await watch.pid();
    watch.process.kill('SIGINT');
    await watch.says(new RegExp(`waits for process ${pid} to end; Ctrl-C again kills it\n`));
    watch.process.kill('SIGINT');
    assert.equal(await watch.ended, 137, watch.output);
    await gone(pid);
  });

  void test('SIGTERM is followed by SIGKILL at the limit', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', STUBBORN);
    const watch = space.watch('--kill-timeout', '200ms', 'a.js');
    const pid = await watch.pid();
    watch.process.kill('SIGTERM');
    assert.equal(await watch.ended, 137, watch.output);
    await gone(pid);
  });

  void test('SIGKILL of vhostd watch itself ends the program, too', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', STUBBORN);
    const watch = space.watch('--kill-timeout', '1s', 'a.js');
    const pid = await watch.pid();
    watch.process.kill('SIGKILL');
    await gone(pid);
    await watch.ended;
  });

  void test('of another kind ends the program with --signal, and SIGKILL with -k', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', `process.on('SIGUSR2', () => { console.log('usr2'); process.exit(); }); ${STAYS}`);
    const watch = space.watch('--signal', 'usr2', 'a.js');
    await watch.pid();
    watch.type('rs\n');
    await watch.says(/usr2/);
    await watch.pid();
    space.write('b.js', STUBBORN);
    const killed = space.watch('-k', '--kill-timeout', '10m', 'b.js');
    const pid = await killed.pid();
    killed.type('rs\n');
    await gone(pid);
    await killed.pid();
    assert.doesNotMatch(killed.output, /no\n/);
  });
});

void describe('standard input', () => {
  const ECHO = `process.stdin.on('data', (data) => console.log('read ' + data)).on('end', () => console.log('end')); ${STAYS}`;

  void test("restarts with rs, and is the program's otherwise", async (t) => {
    const space = new Workspace(t);
    space.write('a.js', ECHO);
    const watch = space.watch('a.js');
    await watch.pid();
    watch.type('hello\n');
    await watch.says(/read hello\n/);
    watch.type('rs\n');
    await watch.says(/watch: restart was asked for\n/);
    await watch.pid();
    watch.type('again\n');
    await watch.says(/read again\n/);
    watch.process.stdin?.end();
    await watch.says(/^end$/m);
    assert.doesNotMatch(watch.output, /read rs/);
  });

  void test("is all the program's with -t", async (t) => {
    const space = new Workspace(t);
    space.write('a.js', ECHO);
    const watch = space.watch('-t', 'a.js');
    await watch.pid();
    watch.type('rs\n');
    await watch.says(/read rs\n/);
    assert.doesNotMatch(watch.output, /restart was asked for/);
  });
});

void describe('what runs', () => {
  void test("gets its arguments, and flags for Node as today's Node knows them", async (t) => {
    const space = new Workspace(t);
    space.write('a.js', `console.log(JSON.stringify([process.execArgv, process.argv.slice(2)])); ${STAYS}`);
    const watch = space.watch('--harmony', '--debug=0', '--', 'a.js', '-h', 'host', '-p', 'port');
    await watch.says(/watch: --debug=0 is --inspect=0 in today's Node\n/);
    await watch.says(/\[\["--harmony","--inspect=0"\],\["-h","host","-p","port"\]\]/);
  });

  void test('may be any executable, watched by any extension', async (t) => {
    const space = new Workspace(t);
    space.write('job.sh', 'echo "pid $$"; sleep 1000');
    const watch = space.watch('-x', 'sh', '-e', 'sh', 'job.sh');
    await watch.pid();
    space.write('other.js', '');
    space.write('job.sh', 'echo "pid $$"; echo again; sleep 1000');
    await watch.says(/watch: job\.sh changed\n/);
    await watch.says(/again/);
  });

  void test('is found before anything is started, or refused by name', async () => {
    const refused = async (args: string[], code: string, message: RegExp): Promise<void> => {
      await assert.rejects(
        api.run(args),
        (error) => error instanceof VhostError && error.code === code && message.test(error.message),
      );
    };
    await refused(['absent.js'], 'ERR_WATCH_PROGRAM', /absent\.js: there is no such PROGRAM/);
    await refused(['-x', 'no-such-thing', 'a'], 'ERR_WATCH_EXECUTABLE', /'no-such-thing' is no program/);
    await refused([], 'ERR_WATCH_USAGE', /no PROGRAM/);
  });
});

void describe('what is told', () => {
  void test('cannot steer the terminal by the name of a file', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', STAYS);
    const watch = space.watch('a.js');
    await watch.says(/watches 1 file/);
    space.write('\u001b[2Jx\n.js', '');
    await watch.says(/watch: \\u\{1b\}\[2Jx\\u\{a\}\.js changed\n/);
  });

  void test('names every file with -RV, and every step with -V', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', STAYS);
    for (const flag of ['-RV', '-V']) {
      const watch = space.watch(flag, '--delay', '200ms', 'a.js');
      await watch.says(/watches 1 file|watches 6 files/);
      for (const name of ['b', 'c', 'd', 'e', 'f']) space.write(`${name}.js`, flag);
      await watch.says(/watch: (?:[b-f]\.js, ){4}[b-f]\.js changed\n/);
      if (flag === '-V') assert.match(watch.output, /watch: a\.js was touched|watch: watches a\.js\n/);
    }
  });

  void test('is the process id, in the file of --save-pid, which does not outlive it', async (t) => {
    const space = new Workspace(t);
    space.write('a.js', STAYS);
    const watch = space.watch('-pid', 'watch.pid', 'a.js');
    await watch.pid();
    const file = path.join(space.cwd, 'watch.pid');
    assert.equal(readFileSync(file, 'utf8'), `${watch.process.pid}\n`);
    watch.process.kill('SIGTERM');
    await watch.ended;
    assert.equal(existsSync(file), false);
    const other = space.watch('--save-pid', 'a.js', 'a.js');
    await other.says(/watch: --save-pid a\.js: it exists and holds no process id.*\(ERR_WATCH_PID_FILE\)\n/);
    await other.pid();
    assert.equal(readFileSync(path.join(space.cwd, 'a.js'), 'utf8'), STAYS);
  });
});

void describe('the package', () => {
  void test('is imported and required', () => {
    const required: unknown = createRequire(import.meta.url)('./index.js');
    assert.equal(
      typeof required === 'object' && required !== null && 'run' in required && required.run,
      api.run,
    );
  });
});

function server(port: number, answer: string): string {
  return `require('node:http').createServer((request, response) => response.end('${answer}')).listen(${port}, '127.0.0.1', () => console.log('serves'));`;
}

/** A port that the kernel has chosen, and that is free again. */
async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function get(port: number): Promise<string> {
  const request = http.get({ port, host: '127.0.0.1', agent: false });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return body;
}
