// Whether what a conf names is there, and may be read or written by this user.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { isIP } from 'node:net';
import path from 'node:path';
import type { SiteConf } from '@vhostd/master';
import { entryOf } from '@vhostd/master/directory-entry';
import { namesPackageManager, scriptRelease } from '@vhostd/master/package-script';
import { readPemFile, renewFrom } from '@vhostd/protocol';
import { barrierFor } from './check-rights.js';
import type { Right } from './check-rights.js';
import type { Finding } from './finding.js';

/** Directory, code, certificates, page, logs and user of one site. */
export function checkFiles(site: SiteConf, now: number = Date.now()): Finding[] {
  const {
    siteId,
    interpreter,
    workerFile,
    maintenancePage,
    envFile,
    logOutput,
    logError,
    logAll,
    accessLog,
  } = site;
  const found = (level: Finding['level'], message: string, todo: string): Finding => ({
    level,
    subject: siteId,
    message,
    todo,
  });
  const secrets = Object.values(site.workerOptions.envFrom ?? {}).map((source) =>
    'file' in source ? source.file : undefined,
  );
  const isScript = namesPackageManager(site);
  const ofDirectory = interpreter === undefined ? entryOf(workerFile) : undefined;
  const run = isScript ? path.join(site.workerOptions.cwd, 'package.json') : (ofDirectory ?? workerFile);
  const unreadable = [run, maintenancePage, envFile, ...secrets].flatMap((file) => {
    const mode = file === workerFile && interpreter === 'none' ? constants.X_OK : constants.R_OK;
    const why = file === undefined ? undefined : whyNot(file, mode, 'file');
    return why === undefined
      ? []
      : [found('error', `${file}: ${why}`, 'correct the path, or its permissions')];
  });
  const logs = [logOutput, logError, logAll, accessLog].flatMap((file) => {
    if (file === undefined) return [];
    const why = whyUnwritable(file);
    return why === undefined
      ? []
      : [found('error', `log ${file}: ${why}`, 'correct the path, or its permissions')];
  });
  const cwd = whyNot(site.workerOptions.cwd, constants.X_OK, 'directory');
  return [
    ...(cwd === undefined
      ? []
      : [found('error', `${site.workerOptions.cwd}: ${cwd}`, 'make it, or correct cwd')]),
    ...unreadable,
    ...(isScript && unreadable.length === 0 ? checkScript(site) : []).map((args) => found(...args)),
    ...logs,
    ...checkRights(site, run).map(([message, todo]) => found('warning', message, todo)),
    ...checkUser(site).map(([message, todo]) => found('error', message, todo)),
    ...checkReach(site, run).map(([message, todo]) => found('warning', message, todo)),
    ...checkRotation(site).map(([message, todo]) => found('warning', message, todo)),
    ...site.listen.flatMap((entry) => checkKeys(site, entry, now)).map((args) => found(...args)),
  ];
}

type Complaint = [level: Finding['level'], message: string, todo: string];

/** What a package manager stands for, where that is no command that vhostd can run. */
function checkScript(site: SiteConf): Complaint[] {
  try {
    scriptRelease(site, site.workerOptions.cwd);
    return [];
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(`site ${site.siteId}: `, '') : String(error);
    const end = why.lastIndexOf('; ');
    return end === -1
      ? [['error', why, 'name the file in which the server is: "workerFile": "server.js"']]
      : [['error', why.slice(0, end), why.slice(end + 2)]];
  }
}

function checkUser({ runAs }: SiteConf): [message: string, todo: string][] {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  if (runAs === undefined || uid === 0 || (runAs.uid === uid && runAs.gid === gid)) return [];
  const who = `uid ${runAs.uid}, gid ${runAs.gid}`;
  return [[`its workers are to run as ${who}`, 'only root may do that: run vhostd as root']];
}

/** What its workers open themselves, as their user. */
function checkRights(site: SiteConf, run: string): [message: string, todo: string][] {
  const { runAs, workerOptions, listen } = site;
  if (runAs === undefined) return [];
  const who = runAs.name ?? `uid ${runAs.uid}`;
  const keys = listen.flatMap(({ key, cert }) =>
    [key, cert].filter((field) => field !== undefined && !isText(field)),
  );
  const opened: [file: string, right: Right][] = [
    [workerOptions.cwd, 'enter'],
    [run, 'read'],
    ...keys.map((field): [string, Right] => [path.resolve(workerOptions.cwd, field ?? ''), 'read']),
  ];
  const barriers = opened.flatMap(([file, right]) => barrierFor(file, runAs, right) ?? []);
  return [...new Set(barriers)].map((at) => [
    `${at}: its user ${who} may not ${statOf(at)?.isDirectory() === true ? 'enter that directory' : 'read it'}`,
    'correct its permissions, or name another user',
  ]);
}

/** An app that serves, and of which nothing says where; one that knows vhostd may say so itself. */
function checkReach(
  { listen, defaultListen, server, interpreter, autorestart }: SiteConf,
  file: string,
): [message: string, todo: string][] {
  if (listen.length > 0 || defaultListen || !server || !autorestart || interpreter !== undefined) return [];
  if (knowsVhostd(file)) return [];
  return [
    ['it has no listen: nobody reaches it', 'write listen; "server": false where it is to serve nobody'],
  ];
}

function knowsVhostd(file: string): boolean {
  try {
    return /@vhostd\/worker|updateServerConf/.test(readFileSync(file, 'utf8'));
  } catch {
    // That it can't be read is told by itself.
    return true;
  }
}

/** In directories that somebody else may change, the master renames nothing. */
function checkRotation(site: SiteConf): [message: string, todo: string][] {
  const { runAs, logRotate, logOutput, logError, logAll, accessLog } = site;
  const named = [logOutput, logError, logAll, accessLog].filter((file) => file !== undefined);
  if (logRotate === undefined || named.length === 0) return [];
  if (runAs === undefined || runAs.uid === process.geteuid?.()) return [];
  const message = `logRotate bounds only its default log, not ${named.join(', ')}: the site has a user of its own`;
  return [[message, 'have logrotate rotate them, with vhostd reopen behind it, or name no file']];
}

function checkKeys(site: SiteConf, entry: SiteConf['listen'][number], now: number): Complaint[] {
  const { key, cert, passphrase, host = 'the default' } = entry;
  if (key === undefined || cert === undefined) return [];
  try {
    const certificate = new X509Certificate(readText(site, cert));
    const privateKey = createPrivateKey({
      key: readText(site, key),
      ...(passphrase === undefined ? {} : { passphrase }),
    });
    if (!certificate.checkPrivateKey(privateKey)) {
      return [
        [
          'error',
          `key and cert of ${host} do not belong together`,
          'name the key that the certificate was made for',
        ],
      ];
    }
    return [...checkHost(certificate, entry), ...checkLife(certificate, host, now)];
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return [['error', `key or cert of ${host}: ${why}`, 'correct the path, the file or the passphrase']];
  }
}

/** Clients refuse a certificate that is for others. */
function checkHost(certificate: X509Certificate, { host }: SiteConf['listen'][number]): Complaint[] {
  if (host === undefined) return [];
  const bare = host.replaceAll(/[[\]]/g, '');
  const covered =
    isIP(bare) === 0 ? certificate.checkHost(host.replace('*', 'any')) : certificate.checkIP(bare);
  if (covered !== undefined) return [];
  const names = certificate.subjectAltName ?? certificate.subject;
  return [
    ['warning', `the certificate of ${host} is not for that host: it names ${names}`, 'name one that is'],
  ];
}

/** Not good any more, or no longer than the third of its life in which another one should be there. */
function checkLife({ validFrom, validTo }: X509Certificate, host: string, now: number): Complaint[] {
  const [startMs, endMs] = [Date.parse(validFrom), Date.parse(validTo)];
  const which = `the certificate of ${host}`;
  if (endMs < now) return [['error', `${which} has expired at ${validTo}`, 'renew it']];
  if (now < renewFrom(startMs, endMs)) return [];
  const message = `${which} expires at ${validTo}, and less than a third of its life is left`;
  return [['warning', message, 'renew it, or see why that failed']];
}

/** A field holds the text itself, or a path as the worker resolves it. */
function readText(site: SiteConf, field: string): string {
  return isText(field) ? field : readPemFile(path.resolve(site.workerOptions.cwd, field));
}

function isText(field: string): boolean {
  return field.includes('-----BEGIN');
}

function whyNot(file: string, mode: number, kind: 'file' | 'directory'): string | undefined {
  try {
    const status = statSync(file);
    if (kind === 'directory' && !status.isDirectory()) return 'is no directory';
    if (kind === 'file' && status.isDirectory())
      return 'has no index.js, and no package.json that names a file';
    accessSync(file, mode);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** A log is made with the directories above it. */
function whyUnwritable(file: string): string | undefined {
  for (let at = file; ; at = path.dirname(at)) {
    const status = statOf(at);
    if (status === undefined) continue;
    if (at === file && status.isDirectory()) return 'is a directory';
    if (at !== file && !status.isDirectory()) return `${at} is no directory`;
    try {
      accessSync(at, constants.W_OK);
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }
}

/** Also undefined below what is no directory. */
function statOf(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file or directory';
  if (code === 'EACCES') return 'this user may not';
  return error instanceof Error ? error.message : String(error);
}
