// What `npm start` and its like stand for. A package manager is a process of its own, through which no connection gets
// to the app: where its script is a command of Node's, vhostd runs that itself.
import { existsSync, realpathSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { VhostError } from '@vhostd/protocol';
import { foreignUserOf } from '../conf/foreign-user.js';
import type { Release } from '../conf/release.js';
import type { SiteConf } from '../conf/site-conf.js';
import { readRegularFile } from '../node/site-file.js';
import { parseCommand, wordsOf } from './node-command.js';

/** Whether what a site runs is a package manager, and no file of that name. */
export function namesPackageManager({
  workerFile,
  interpreter,
}: Pick<SiteConf, 'workerFile' | 'interpreter'>): boolean {
  return interpreter === undefined && MANAGERS.has(basename(workerFile)) && !existsSync(workerFile);
}

/**
 * What the script runs that `workerArgs` name, in this directory.
 * @throws {VhostError} ERR_SITE_SCRIPT, with what to write instead.
 */
export function scriptRelease(conf: SiteConf, cwd: string): Release {
  const file = join(cwd, 'package.json');
  const { name, args } = scriptOf(conf);
  const scripts = scriptsIn(file, conf);
  const text = scripts.get(name);
  if (text === undefined) throw refusal(conf, `${file} has no script ${JSON.stringify(name)}`);
  const others = [`pre${name}`, `post${name}`].filter((other) => scripts.has(other));
  if (others.length > 0) {
    throw refusal(
      conf,
      `${file} has ${others.join(' and ')}, which vhostd does not run; run it when you deploy`,
    );
  }
  const command = parseCommand(text);
  if (command === undefined) {
    throw refusal(
      conf,
      `its script is no command of Node alone: ${JSON.stringify(text)}; ${instead(text, cwd)}`,
    );
  }
  const workerFile = resolve(cwd, command.file);
  try {
    const found = realpathSync(workerFile);
    return {
      workerFile: found,
      cwd,
      workerArgs: [...command.args, ...args],
      execArgv: command.execArgv,
      env: command.env,
    };
  } catch (error) {
    throw refusal(conf, `its script is ${JSON.stringify(text)}, but there is no ${workerFile}`, error);
  }
}

/** The script that the package manager is told to run, and what is added to it. */
function scriptOf(conf: SiteConf): { name: string; args: readonly string[] } {
  const [first = '', ...others] = conf.workerArgs;
  const isRun = first === 'run' || first === 'run-script';
  const [name = '', ...rest] = isRun ? others : [first, ...others];
  const isNpm = basename(conf.workerFile) === 'npm';
  if (!/^[\w:.@/-]+$/.test(name) || name.startsWith('-') || (isNpm && !isRun && name !== 'start')) {
    throw refusal(conf, 'vhostd knows what "start" and "run SCRIPT" stand for, and nothing else');
  }
  const [next, ...behind] = rest;
  if (isNpm && next?.startsWith('-') === true && next !== '--') {
    throw refusal(conf, `${next} is an option of npm's; what is the script's own comes behind "--"`);
  }
  return { name, args: next === '--' ? behind : rest };
}

function scriptsIn(file: string, conf: SiteConf): ReadonlyMap<string, string> {
  let read: unknown;
  try {
    read = JSON.parse(readRegularFile(file, PACKAGE_MAX_BYTES, foreignUserOf(conf.runAs)) ?? '');
  } catch (error) {
    throw refusal(conf, `${file} cannot be read`, error);
  }
  const scripts: unknown =
    typeof read === 'object' && read !== null ? Reflect.get(read, 'scripts') : undefined;
  const entries = typeof scripts === 'object' && scripts !== null ? Object.entries(scripts) : [];
  return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

/** What to write in place of a script that is no command of Node's. */
function instead(text: string, cwd: string): string {
  const [program = '', ...args] = wordsOf(text) ?? [];
  const binary = join(cwd, 'node_modules', '.bin', program);
  if (!/^[\w.-]+$/.test(program) || !existsSync(binary)) {
    return 'name the file in which the server is: "workerFile": "server.js"';
  }
  const file = relative(cwd, realpathSync(binary));
  return `if ${program} serves in its own process, write "workerFile": ${JSON.stringify(file)}, "workerArgs": ${JSON.stringify(args)}, else the file in which the server is`;
}

function refusal({ siteId, workerFile, workerArgs }: SiteConf, why: string, cause?: unknown): VhostError {
  const command = [basename(workerFile), ...workerArgs].join(' ');
  return new VhostError('ERR_SITE_SCRIPT', `site ${siteId}: '${command}' cannot be run: ${why}`, {
    info: { siteId, command },
    ...(cause === undefined ? {} : { cause }),
  });
}

const MANAGERS: ReadonlySet<string> = new Set(['npm', 'pnpm', 'yarn']);
const PACKAGE_MAX_BYTES = 1024 ** 2;
