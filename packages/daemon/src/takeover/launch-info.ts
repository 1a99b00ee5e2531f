// How the program that this process runs is started once more.
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { TAKEOVER_VARIABLE } from '@vhostd/protocol';
import { LINK_VARIABLE } from '@vhostd/transport';
import type { LaunchInfo, LinkType } from '@vhostd/protocol';
import type { MasterSlot } from '../master/master-slot.js';

/** What a launch takes from its daemon. */
export interface LaunchOptions {
  runDir: string;
  linkType: LinkType;
  bootTimeoutMs: number;
  /** Variables besides those of this process. */
  env: Readonly<Record<string, string>>;
}

/** Undefined for a program that is no file, such as that of `node -e`. */
export function ownLaunchInfo(options: LaunchOptions): LaunchInfo | undefined {
  const [, file, ...args] = process.argv;
  if (file === undefined || !path.isAbsolute(file) || !existsSync(file)) return undefined;
  const env: Record<string, string> = { ...options.env };
  for (const [name, value] of Object.entries(process.env)) {
    if (value !== undefined && name !== LINK_VARIABLE && name !== TAKEOVER_VARIABLE) env[name] = value;
  }
  return {
    ...options,
    execPath: process.execPath,
    argv0: nodeByName(),
    execArgv: process.execArgv,
    args: [file, ...args],
    cwd: process.cwd(),
    env,
  };
}

/** The path by which this Node was started, its links unresolved; where that leads elsewhere, the binary itself. */
function nodeByName(): string {
  const name = process.argv0;
  const candidates = name.includes('/')
    ? [path.resolve(name)]
    : (process.env['PATH'] ?? '').split(path.delimiter).map((directory) => path.resolve(directory, name));
  return candidates.find(isThisNode) ?? process.execPath;
}

function isThisNode(candidate: string): boolean {
  try {
    return realpathSync(candidate) === realpathSync(process.execPath);
  } catch {
    return false;
  }
}

/** Lets masters start this program once more when this process dies, unless it ends by itself and in order. */
export function allowRespawn(slot: MasterSlot, launch: LaunchInfo): void {
  slot.allowRespawn(launch);
  process.on('exit', (code) => {
    if (code === 0) slot.forbidRespawn();
  });
}
