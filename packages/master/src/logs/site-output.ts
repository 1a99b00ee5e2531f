// Where the output of sites goes that no field of their confs names a file for, so that nothing is thrown away.
import { isatty } from 'node:tty';
import { CLEAR_LINE, SCREEN_VARIABLE, STATE_DIR_VARIABLE } from '@vhostd/protocol';
import type { LogFile } from './log-file.js';
import type { LogFiles } from './log-files.js';
import { DEFAULT_LOG_ROTATION, defaultLogFile, jsonLinesOfSite, stampedLines } from './default-log.js';
import type { LineOrigin, LogStream } from './default-log.js';
import type { LogRotation } from '../conf/site-conf.js';
import { screenLines } from './screen-lines.js';
import { descriptorSource } from './log-target.js';

/** A file, and how lines are written into it. */
export interface LogSink {
  readonly file: LogFile;
  readonly shape: (lines: Buffer, origin: LineOrigin) => Buffer;
}

/** What the daemon has told a master. */
export interface SiteOutputOptions {
  /** The state directory. Absent: the screen gets what has no file of the conf. */
  readonly stateDir?: string | undefined;
  /** The screen gets all output; `json`: as objects on standard output. */
  readonly screen?: boolean | 'json';
}

export class SiteOutput {
  readonly #options: SiteOutputOptions;

  constructor(options: SiteOutputOptions) {
    this.#options = options;
  }

  /** That of this process; its variables are gone afterwards, since they are not for workers. */
  static ofProcess(): SiteOutput {
    const { [STATE_DIR_VARIABLE]: stateDir, [SCREEN_VARIABLE]: screen } = process.env;
    delete process.env[STATE_DIR_VARIABLE];
    delete process.env[SCREEN_VARIABLE];
    return new SiteOutput({ stateDir, screen: screen === 'json' ? screen : screen === '1' });
  }

  /** The state directory, if there is one. */
  get stateDir(): string | undefined {
    return this.#options.stateDir;
  }

  /** Opens what gets one stream of a site; `named`: the conf names a file for it. */
  open(
    files: LogFiles,
    siteId: string,
    stream: LogStream,
    { named, rotation }: { named: boolean; rotation: LogRotation | undefined },
  ): LogSink[] {
    const { stateDir, screen } = this.#options;
    const sinks: LogSink[] = [];
    if (!named && stateDir !== undefined) sinks.push(defaultSink(files, stateDir, siteId, rotation));
    if (screen === 'json') sinks.push(jsonSink(files));
    else if (screen === true || (!named && stateDir === undefined)) sinks.push(screenSink(files, stream));
    return sinks;
  }
}

function defaultSink(
  files: LogFiles,
  stateDir: string,
  siteId: string,
  rotation: LogRotation = DEFAULT_LOG_ROTATION,
): LogSink {
  const file = files.open(defaultLogFile(stateDir, siteId), {
    mode: 0o600,
    directoryMode: 0o700,
    rotation,
  });
  return { file, shape: (lines, origin) => stampedLines(lines, origin, Date.now()) };
}

/** For programs. */
function jsonSink(files: LogFiles): LogSink {
  const file = files.open('output of sites', { source: descriptorSource(1) });
  return { file, shape: (lines, origin) => jsonLinesOfSite(lines, origin, Date.now()) };
}

/** Beside the process's own log, which must have room however much sites print. */
function screenSink(files: LogFiles, stream: LogStream): LogSink {
  const fd = stream === 'stdout' ? 1 : 2;
  const file = files.open(`${stream} of sites`, { source: descriptorSource(fd) });
  if (!isatty(fd)) return { file, shape: (lines, origin) => screenLines(lines, origin, false) };
  const clear = Buffer.from(CLEAR_LINE);
  return { file, shape: (lines, origin) => Buffer.concat([clear, screenLines(lines, origin, true)]) };
}
