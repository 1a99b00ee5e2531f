// Removes compiled output, so that a deleted source leaves nothing stale behind.
import { existsSync, readdirSync, rmSync } from 'node:fs';

const root = new URL('../', import.meta.url);
const projects = readdirSync(new URL('packages/', root)).map((name) => `packages/${name}/`);
for (const project of [...projects, 'test/', 'benchmarks/', 'examples/apps/nest/', 'examples/apps/next/']) {
  for (const name of ['dist', 'bundle', '.next']) {
    const output = new URL(`${project}${name}/`, root);
    if (existsSync(output)) rmSync(output, { recursive: true });
  }
}
