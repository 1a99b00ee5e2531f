// An app and the flags behind it as a site of a conf: for those who have no conf file.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { shebangOf } from '@vhostd/master/shebang';
import { VhostError } from '@vhostd/protocol';
import type { ChangeSiteOptions } from '@vhostd/protocol';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { workingDirectory } from './working-directory.js';

/** The flags that say how an app is served. */
export interface SiteFlags {
  name?: string;
  host?: string[];
  port?: number;
  ip?: string;
  cwd?: string;
  workers?: number | 'max';
  env?: Record<string, string>;
  /** Not `--env-file`: Node takes that for its own wherever it stands, and NODE_OPTIONS of that file for this command. */
  envfile?: string;
  user?: string;
  server?: false;
}

/** Adds them. */
export function addSiteFlags(command: Command): Command {
  return command
    .option('--name <siteId>', 'name of the site (default: that of its directory)')
    .option('--host <host...>', 'host names that it answers for (default: all)')
    .option('--port <port>', `port (default: ${DEFAULT_PORT})`, parsePort)
    .option('--ip <address>', 'IP address to listen on (default: all)')
    .option(
      '--cwd <dir>',
      'where it runs (default: here; a directory, and an app of another user, in its own)',
    )
    .option('-n, --workers <count>', 'how many workers, or max (default: one a CPU)', parseCount)
    .option('--env <NAME=value...>', 'variables', parseVariable)
    .option('--envfile <file>', 'file with variables, such as .env')
    .option('--user <user>', 'user that its workers run as')
    .option('--no-server', 'it serves nobody: a queue worker, a bot');
}

/** Whether one was given: what they stand behind is an app then, not the name of a site. */
export function hasSiteFlags(flags: SiteFlags): boolean {
  const { name, host, port, ip, cwd, workers, env, envfile, user, server } = flags;
  return (
    [name, host, port, ip, cwd, workers, env, envfile, user].some((flag) => flag !== undefined) ||
    server === false
  );
}

/** The site; its paths are absolute. @throws {VhostError} ERR_SITE_OPTION: it is given an address, and can have none. */
export function siteOfFlags(app: string, args: readonly string[], flags: SiteFlags): Record<string, unknown> {
  const { name, host, port, ip, workers, env, envfile, user, server } = flags;
  const where = { port: port ?? DEFAULT_PORT, ...(ip === undefined ? {} : { ipaddress: ip }) };
  const listen = host === undefined ? [where] : host.map((one) => ({ host: one, ...where }));
  const program = programOf(app);
  const isServerless = server === false || program !== undefined;
  if (program !== undefined && [host, port, ip].some((flag) => flag !== undefined)) {
    const message =
      `${app} is run by ${program}, which gets no connections from vhostd: leave out --host, --port and --ip, ` +
      'and let it listen by itself';
    throw new VhostError('ERR_SITE_OPTION', message);
  }
  const { workerOptions: cwd, ...place } = placeOf(app, flags);
  const workerOptions = { ...cwd, ...(env === undefined ? {} : { env }) };
  return {
    ...(name === undefined ? {} : { siteId: name }),
    ...place,
    ...(args.length === 0 ? {} : { workerArgs: [...args] }),
    ...(workers === undefined || workers === 'max' ? {} : { cpuLen: workers }),
    ...(server === false ? { server: false } : {}),
    ...(isServerless ? {} : { listen }),
    ...(Object.keys(workerOptions).length === 0 ? {} : { workerOptions }),
    ...(envfile === undefined ? {} : { envFile: path.resolve(workingDirectory(), envfile) }),
    ...(user === undefined ? {} : { user: accountOf(user) }),
  };
}

/** What the flags change of a site that was added: what is not given stays. */
export function changeOfFlags(args: readonly string[], flags: SiteFlags): ChangeSiteOptions {
  const { host, port, ip, cwd, workers, env, envfile, user, server } = flags;
  const here = workingDirectory();
  const where = {
    ...(host === undefined ? {} : { hosts: host }),
    ...(port === undefined ? {} : { port }),
    ...(ip === undefined ? {} : { ipaddress: ip }),
  };
  const isMoved = server !== false && Object.keys(where).length > 0;
  const workerOptions = {
    ...(cwd === undefined ? {} : { cwd: path.resolve(here, cwd) }),
    ...(env === undefined ? {} : { env }),
  };
  const site = {
    ...(args.length === 0 ? {} : { workerArgs: [...args] }),
    ...(workers === undefined ? {} : { cpuLen: workers === 'max' ? null : workers }),
    ...(Object.keys(workerOptions).length === 0 ? {} : { workerOptions }),
    ...(envfile === undefined ? {} : { envFile: path.resolve(here, envfile) }),
    ...(user === undefined ? {} : { user: accountOf(user) }),
    ...(server === false ? { server, listen: null } : {}),
    ...(isMoved ? { server: null } : {}),
  };
  return { site, ...(isMoved ? { where } : {}) };
}

/** What runs a file that is no program of Node's. */
export function programOf(app: string): string | undefined {
  return isFile(app) ? shebangOf(path.resolve(app))?.interpreter : undefined;
}

/** The name that a site of these fields has. */
export function siteIdOf({ siteId, path: place }: Readonly<Record<string, unknown>>): string {
  if (typeof siteId === 'string') return siteId;
  const file = String(place);
  return path.basename(isFile(file) ? path.dirname(file) : file);
}

/** What a site of these fields runs, as its conf in force names it. */
export function workerFileOf({ path: place, workerFile }: Readonly<Record<string, unknown>>): string {
  return path.resolve(String(place), typeof workerFile === 'string' ? workerFile : '');
}

function accountOf(user: string): string | number {
  return /^\d+$/u.test(user) ? Number(user) : user;
}

function isFile(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false })?.isFile() === true;
}

/** What it runs, and where: a file where it was typed, as a shell and PM2 do, a directory in itself. */
function placeOf(
  app: string,
  { cwd, user }: SiteFlags,
): { path: string; workerFile?: string; workerOptions?: { cwd: string } } {
  const here = workingDirectory();
  const given = cwd === undefined ? undefined : path.resolve(here, cwd);
  if (isPackageManager(app)) return { path: given ?? here, workerFile: app };
  const file = path.resolve(here, app);
  const isProgram = isFile(file);
  // Another user may not be allowed to enter this one.
  const runsIn = given ?? (isProgram && user === undefined ? here : undefined);
  const own = isProgram ? path.dirname(file) : file;
  return {
    path: file,
    ...(runsIn === undefined || runsIn === own ? {} : { workerOptions: { cwd: runsIn } }),
  };
}

/** `npm -- start`: what the script of that name in package.json stands for. */
export function isPackageManager(app: string): boolean {
  return PACKAGE_MANAGER.test(app) && !isApp(app);
}

/** Whether there is such a file or directory. */
export function isApp(name: string): boolean {
  return statSync(name, { throwIfNoEntry: false }) !== undefined;
}

/** @throws {VhostError} ERR_SITE_FILE where an app is not there, or is a directory without anything to run, ERR_CONF_PM2 where it is a list of apps of PM2. */
export function refuseMissing(app: string): void {
  if (PM2_FILE.test(app) && isApp(app)) {
    const message = `${app} is a list of apps for PM2, no app`;
    throw new VhostError('ERR_CONF_PM2', message, { info: { file: app } });
  }
  if (isPackageManager(app)) return;
  const found = statSync(app, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new VhostError('ERR_SITE_FILE', `${app}: there is no such file or directory`, {
      info: { file: app },
    });
  }
  if (!found.isDirectory() || hasEntry(app)) return;
  const program = readdirSync(app).find((name) => PROGRAM.test(name));
  const example = program === undefined ? '' : `; name its file, such as ${path.join(app, program)}`;
  throw new VhostError(
    'ERR_SITE_FILE',
    `${app}: the directory has neither a package.json nor an index.js${example}`,
    { info: { file: app } },
  );
}

/** Whether Node finds something to run in it, or may. */
function hasEntry(directory: string): boolean {
  return readdirSync(directory).some(
    (name) => name === 'package.json' || /^index\.(?:[cm]?[jt]s|json|node)$/u.test(name),
  );
}

/** @throws {InvalidArgumentError} */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/u.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('It is no port from 0 to 65535.');
}

function parseCount(text: string): number | 'max' {
  const count = Number(text);
  if (text === 'max' || (/^\d{1,4}$/u.test(text) && count <= 1024)) return text === 'max' ? text : count;
  throw new InvalidArgumentError('It is neither a number from 0 to 1024 nor max.');
}

function parseVariable(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is not NAME=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** As `pm2 start` knows them. */
const PM2_FILE = /(?:^|\/)(?:(?:ecosystem|pm2)\.config\.[cm]?js|(?:ecosystem|pm2|process)\.(?:json|ya?ml))$/u;
const PACKAGE_MANAGER = /^(?:npm|yarn|pnpm)$/u;
const PROGRAM = /\.[cm]?[jt]s$/u;
const DEFAULT_PORT = 8080;
