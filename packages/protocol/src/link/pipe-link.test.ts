import { testLinkContract } from './fixtures/link-contract.test.kit.js';

testLinkContract('pipe', 3000);
