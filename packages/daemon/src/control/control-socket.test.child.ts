// Holds a control socket until it is killed: the path is the first argument.
import { ControlServer } from './control-server.js';

const server = new ControlServer(async () => process.pid);
await server.listen(process.argv[2] ?? '');
process.on('disconnect', () => process.exit());
process.send?.('listening');
