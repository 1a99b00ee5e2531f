// Runs the tests of a fleet in network namespaces (test/fleet), which takes root, etcd and HAProxy: what is missing is
// installed, where there is apt-get. They get a network and mounts of their own, so that nothing of it is left behind.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const PACKAGES = { etcd: 'etcd-server', haproxy: 'haproxy', ip: 'iproute2', curl: 'curl' };
const path = `${process.env.PATH}:/usr/sbin:/sbin`;
const missing = Object.keys(PACKAGES).filter(
  (program) => spawnSync('sh', ['-c', `command -v ${program}`], { env: { PATH: path } }).status !== 0,
);
if (process.getuid() !== 0) fail('network namespaces take root: sudo pnpm run test:fleet');
if (missing.length > 0) {
  const packages = missing.map((program) => PACKAGES[program]);
  const { status } = spawnSync('apt-get', ['install', '--yes', ...packages], { stdio: 'inherit' });
  if (status !== 0) fail(`install ${packages.join(', ')}`);
}

const test = fileURLToPath(new URL('../test/dist/fleet/figures.js', import.meta.url));
const inside = 'ip link set lo up && mkdir -p /run/netns && mount -t tmpfs netns /run/netns && exec "$@"';
const node = [process.execPath, '--test-reporter=spec', ...process.argv.slice(2), test];
const { status } = spawnSync('unshare', ['--net', '--mount', '--', 'sh', '-c', inside, 'sh', ...node], {
  stdio: 'inherit',
  env: { ...process.env, PATH: path },
});
process.exitCode = status ?? 1;

function fail(message) {
  console.error(message);
  process.exit(1);
}
