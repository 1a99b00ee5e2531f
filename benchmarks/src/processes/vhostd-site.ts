// A site under vhostd; its host is its id with `.test` behind it.
import { worker } from '@vhostd/worker';
import { createSiteServer } from './answer.js';

worker.server = createSiteServer(`${worker.siteId}.test`);
