// The keys of TLS sites in tests, made when they are needed.
export { selfSigned } from '../../../packages/worker/dist/intake/fixtures/self-signed.test.kit.js';
export type { SelfSigned } from '../../../packages/worker/dist/intake/fixtures/self-signed.test.kit.js';
