// Every option of supervisor's help, long and short, and what is refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { VhostError } from '@vhostd/protocol';
import { HELP } from './help.js';
import { parseArguments } from './parse-arguments.js';
import type { WatchOptions } from './watch-options.js';

void describe('the options', () => {
  void test("have supervisor's defaults", () => {
    assert.deepEqual(parse('server.js'), {
      program: ['server.js'],
      watch: ['.'],
      ignore: [],
      extensions: undefined,
      gitignore: false,
      ignoreSymlinks: false,
      pollIntervalMs: undefined,
      delayMs: 200,
      executable: undefined,
      nodeFlags: [],
      notes: [],
      noRestartOn: undefined,
      instantKill: false,
      signal: 'SIGTERM',
      killTimeoutMs: 5000,
      interactive: true,
      verbosity: 'normal',
      restartVerbose: false,
      timestamp: false,
      pidFile: undefined,
      json: false,
    });
  });

  const cases: [string, string, Partial<WatchOptions>][] = [
    ['-w lib,views/*.html', '--watch lib,views/*.html', { watch: ['lib', 'views/*.html'] }],
    ['-i tmp,log', '--ignore tmp,log', { ignore: ['tmp', 'log'] }],
    ['-p 500', '--poll-interval 500', { pollIntervalMs: 500 }],
    ['-e js,.ts,*.html', '--extensions=js,ts,html', { extensions: ['js', 'ts', 'html'] }],
    ['-x python3', '--exec python3', { executable: 'python3' }],
    ['-n error', '--no-restart-on error', { noRestartOn: 'error' }],
    ['-n exit', '--no-restart-on=exit', { noRestartOn: 'exit' }],
    ['-n success', '--no-restart-on success', { noRestartOn: 'success' }],
    ['--json', '--json', { json: true }],
    ['-t', '--non-interactive', { interactive: false }],
    ['-k', '--instant-kill', { instantKill: true }],
    ['-s', '--timestamp', { timestamp: true }],
    ['-q', '--quiet', { verbosity: 'quiet' }],
    ['-V', '--verbose', { verbosity: 'verbose' }],
    ['-RV', '--restart-verbose', { restartVerbose: true }],
    ['-pid run/pid', '--save-pid run/pid', { pidFile: 'run/pid' }],
    ['-p 500 --force-watch', '--force-watch -p 500', { pollIntervalMs: undefined }],
    ['--ignore-symlinks', '--ignore-symlinks', { ignoreSymlinks: true }],
    ['--gitignore', '--gitignore', { gitignore: true }],
    ['--delay 1s', '--delay=1000ms', { delayMs: 1000 }],
    ['--kill-timeout 1.5s', '--kill-timeout=1500ms', { killTimeoutMs: 1500 }],
    ['--signal SIGUSR2', '--signal usr2', { signal: 'SIGUSR2' }],
    ['--harmony --inspect', '--harmony --inspect', { nodeFlags: ['--harmony', '--inspect'] }],
    [
      '--inspect=0 --inspect-brk=9230',
      '--inspect=0 --inspect-brk=9230',
      { nodeFlags: ['--inspect=0', '--inspect-brk=9230'] },
    ],
  ];
  for (const [short, long, expected] of cases) {
    void test(`${short} and ${long} mean the same`, () => {
      for (const line of [short, long]) {
        const options = parse(...line.split(' '), 'server.js');
        for (const [key, value] of Object.entries(expected)) {
          assert.deepEqual(
            Object.entries(options).find(([name]) => name === key)?.[1],
            value,
            `${line}: ${key}`,
          );
        }
        assert.deepEqual(options.program, ['server.js']);
      }
    });
  }

  void test("may be given again: lists grow, as nodemon's users know it, and of the others the last one counts", () => {
    const options = parse('-w', 'a', '-w', 'b,c', '-x', 'one', '-x', 'two', 'server.js');
    assert.deepEqual(options.watch, ['a', 'b', 'c']);
    assert.equal(options.executable, 'two');
  });

  void test('leave a comma in the braces of a glob alone', () => {
    assert.deepEqual(parse('-w', 'src/**/*.{js,ts},views', 'server.js').watch, ['src/**/*.{js,ts}', 'views']);
  });
});

void describe('flags of old Nodes', () => {
  void test('--debug and --debug-brk become --inspect and --inspect-brk, and that is said', () => {
    const { nodeFlags, notes } = parse('--debug', '--debug-brk=5858', 'server.js');
    assert.deepEqual(nodeFlags, ['--inspect', '--inspect-brk=5858']);
    assert.deepEqual(notes, [
      "--debug is --inspect in today's Node",
      "--debug-brk=5858 is --inspect-brk=5858 in today's Node",
    ]);
  });

  void test('--harmony_default_parameters and --harmony_destructuring are left out, and that is said', () => {
    const { nodeFlags, notes } = parse(
      '--harmony_default_parameters',
      '--harmony_destructuring',
      'server.js',
    );
    assert.deepEqual(nodeFlags, []);
    assert.equal(notes.length, 2);
    assert.match(notes.join(), /--harmony_default_parameters is left out: Node has it without a flag/);
  });
});

void describe('PROGRAM', () => {
  void test('is what follows the options or --, and all that follows it is its own', () => {
    assert.deepEqual(parse('--', 'server.js', '-h', 'host', '-p', 'port').program, [
      'server.js',
      '-h',
      'host',
      '-p',
      'port',
    ]);
    assert.deepEqual(parse('-q', 'server.js', '--', '-q', '--watch').program, [
      'server.js',
      '--',
      '-q',
      '--watch',
    ]);
    assert.deepEqual(parse('--', '--title=x', 'server.js').program, ['--title=x', 'server.js']);
  });

  void test('has to be there', () => {
    for (const args of [[], ['-q'], ['--'], ['']]) assertRefused(args, /there is no PROGRAM to run/);
  });
});

void describe('what is not understood', () => {
  const cases: [string[], RegExp][] = [
    [['--wacth', 'lib', 'server.js'], /unknown option '--wacth' \(did you mean --watch\?\)/],
    [['--inspct', 'server.js'], /did you mean --inspect\?/],
    [['-z', 'server.js'], /unknown option '-z'; options of PROGRAM come after it/],
    [['-w'], /-w needs a value/],
    [['--watch=', 'server.js'], /--watch needs a value/],
    [['--quiet=yes', 'server.js'], /--quiet takes no value/],
    [['--debug=', 'server.js'], /--debug= needs a port/],
    [['-p', 'often', 'server.js'], /--poll-interval is 'often'; it must be a number of milliseconds/],
    [['-p', '0', 'server.js'], /--poll-interval is '0'/],
    [['-n', 'never', 'server.js'], /--no-restart-on is 'never'; it must be error, exit or success/],
    [['--delay', '200', 'server.js'], /--delay is '200'; it must be a duration with its unit, such as 200ms/],
    [['--kill-timeout', '90d', 'server.js'], /--kill-timeout is '90d'/],
    [['--signal', 'SIGNOTHING', 'server.js'], /--signal is 'SIGNOTHING'/],
    [['--signal', 'constructor', 'server.js'], /--signal is 'constructor'/],
  ];
  for (const [args, message] of cases) {
    void test(`${args.join(' ')} is refused`, () => assertRefused(args, message));
  }
});

void describe('the help', () => {
  void test('is asked for by -h, -? and --help', () => {
    for (const flag of ['-h', '-?', '--help']) assert.equal(parseArguments(['-q', flag]), 'help');
    assert.deepEqual(parse('server.js', '-h').program, ['server.js', '-h']);
  });

  void test('names every option that is understood, and fits 80 columns', () => {
    const named = [...HELP.matchAll(/(?<![\w-])-{1,2}[a-zA-Z?][\w-]*/gu)].map(([option]) => option);
    for (const option of new Set(named)) {
      if (OF_PROGRAMS.has(option)) continue;
      const outcomes = [
        [option, 'server.js'],
        [option, '50', 'x.js'],
        [option, 'exit', 'x.js'],
        [option, '1s', 'x.js'],
        [option, 'INT', 'x.js'],
      ];
      assert.ok(
        outcomes.some((args) => isUnderstood(args)),
        option,
      );
    }
    assert.ok(new Set(named).size > 40);
    for (const line of HELP.split('\n')) assert.ok(line.length <= 80, line);
  });
});

function parse(...args: string[]): WatchOptions {
  const options = parseArguments(args);
  if (options === 'help') throw new Error('help was asked for');
  return options;
}

function isUnderstood(args: string[]): boolean {
  try {
    parseArguments(args);
    return true;
  } catch {
    return false;
  }
}

function assertRefused(args: string[], message: RegExp): void {
  assert.throws(
    () => parseArguments(args),
    (error) => error instanceof VhostError && error.code === 'ERR_WATCH_USAGE' && message.test(error.message),
  );
}

/** Options of the programs in the help's examples. */
const OF_PROGRAMS = new Set(['--port']);
