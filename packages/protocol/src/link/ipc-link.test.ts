import { testLinkContract } from './fixtures/link-contract.test.kit.js';

testLinkContract('ipc', 1200);
