// An app as it is written without vhostd in mind, with TLS in each of the ways that there are.
import { writeFileSync } from 'node:fs';
import type { SelfSigned } from '../../kit/certificate.js';

/** `kind`: `plain` (TLS in front), `https` (keys of the conf), `own keys`, `SNICallback`. */
export function writeApp(file: string, kind: string, keys: SelfSigned): void {
  const own = `{ key: ${JSON.stringify(keys.key)}, cert: ${JSON.stringify(keys.cert)} }`;
  const server = {
    plain: `require('node:http').createServer(answer)`,
    https: `require('node:https').createServer(answer)`,
    'own keys': `require('node:https').createServer(${own}, answer)`,
    SNICallback: `require('node:https').createServer({ SNICallback }, answer)`,
  }[kind];
  writeFileSync(
    file,
    `const context = require('node:tls').createSecureContext(${own});
const SNICallback = (name, callback) => callback(null, context);
const answer = (request, response) => response.setHeader('x-pid', process.pid).end('ok');
${server}.listen(443);
`,
  );
}
