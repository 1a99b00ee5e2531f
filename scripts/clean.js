// Removes compiled output, so that a deleted source leaves nothing stale behind.
import { existsSync, readdirSync, rmSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const projects = readdirSync(new URL('packages/', root)).map((name) => `packages/${name}/`);
for (const project of [...projects, 'test/', 'benchmarks/']) {
  const dist = new URL(`${project}dist/`, root);
  if (existsSync(dist)) rmSync(dist, { recursive: true });
}
