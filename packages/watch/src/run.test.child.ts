// `vhostd watch` as a process of its own.
import { run } from './index.js';

process.exitCode = await run(process.argv.slice(2));
