// A site that brings its own conf, as sites do that are loaded by their path alone.
import worker from '@vhostd/worker';
import '../../kit/echo.site.js';

await worker.updateServerConf({
  listen: [{ host: 'self.test', port: 0, ipaddress: '127.0.0.1' }],
  cpuLen: 2,
});
