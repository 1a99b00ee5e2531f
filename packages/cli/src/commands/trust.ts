// `vhostd trust`: how a system comes to trust the machine's own authority, which signs certificates of `"cert": "internal"`.
import { spawnSync } from 'node:child_process';
import { EXIT_CODES } from '@vhostd/daemon/client';
import { VhostError } from '@vhostd/protocol';
import type { Command } from 'commander';
import { attempt } from '../errors.js';
import { stateDirOf, statusIfRunning } from '../state-dir.js';
import type { StateDirOptions } from '../state-dir.js';
import { systemStore, trustAdvice } from '../trust/trust-advice.js';
import { addClientOptions, printOutcome, stateDirOption } from './options.js';

interface TrustOptions extends StateDirOptions {
  install?: true;
}

export function addTrustCommand(program: Command): void {
  const command = program
    .command('trust')
    .summary("show how to trust this machine's certificates")
    .description(
      'Shows the certificate of the authority that signs for "cert": "internal", and what makes systems, browsers and ' +
        'programs trust it. Nothing is changed, unless --install is given. Where there is no authority yet, it is made.',
    )
    .option('--install', "add it to this system's store, which needs root")
    .addOption(stateDirOption());
  addClientOptions(command).action((options: TrustOptions) => attempt(options, () => trust(options)));
}

async function trust(options: TrustOptions): Promise<number> {
  const { InternalAuthority } = await import('@vhostd/certificates');
  const stateDir = stateDirOf(options, await statusIfRunning(options));
  const { rootFile } = await InternalAuthority.open(stateDir);
  if (options.install === true) install(rootFile);
  const advice = trustAdvice(rootFile);
  const result = { certificate: rootFile, installed: options.install === true, advice };
  printOutcome(options, result, () => [
    rootFile,
    ...(options.install === true ? ['this system trusts it from now on; for others:'] : []),
    ...advice.flatMap(({ what, commands }) => ['', `${what}:`, ...commands.map((command) => `  ${command}`)]),
  ]);
  return EXIT_CODES.ok;
}

/** @throws {VhostError} ERR_TRUST_INSTALL. */
function install(rootFile: string): void {
  const store = systemStore();
  if (store === undefined) {
    throw new VhostError(
      'ERR_TRUST_INSTALL',
      'the store of this system is not known; vhostd trust shows what to do',
    );
  }
  for (const [program, ...args] of store.run(rootFile)) {
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' });
    if (status === 0) continue;
    const reason = error?.message ?? (stderr.trim() || `exit code ${status}`);
    throw new VhostError('ERR_TRUST_INSTALL', `${[program, ...args].join(' ')}: ${reason}`, {
      info: { program, args },
    });
  }
}
