#!/usr/bin/env node
// The `vhostd` command. What it imports needs a Node of today, so it is loaded only where there is one; this file is
// understood by every Node that knows modules.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`vhostd: Node ${process.version} is too old: vhostd needs 20.19 or later`);
  // Wrong use: another try does not help.
  process.exit(2);
}
// With a listener Node opens no inspector on it.
process.on('SIGUSR1', () => undefined);
void import('#main');
