// The options that commands share.
import { LOG_LEVELS } from '@vhostd/daemon';
import { Option } from 'commander';

/** `--run-dir`: which daemon is meant. */
export function runDirOption(): Option {
  return new Option(
    '--run-dir <dir>',
    'directory of the PID file and the control socket (default: $XDG_RUNTIME_DIR/vhostd, or /run/vhostd for root, or ~/.vhostd/run)',
  );
}

/** `--log-level`. */
export function logLevelOption(description: string): Option {
  return new Option('--log-level <level>', description).choices(LOG_LEVELS);
}

/** For commands that log nothing. */
export const STACK_HINT = 'debug shows the stack of an error';
