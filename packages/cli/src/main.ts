// What the `vhostd` command runs.
import { main } from './program.js';

// A reader that is gone, as in `vhostd status | head -1`, is no error.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);

await main(process.argv.slice(2));
