// Says in one line that this Node is too old, before a build fails on it; understood by every Node.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error('vhostd: Node ' + process.version + ' is too old: vhostd needs 20.19 or later');
  process.exit(2);
}
