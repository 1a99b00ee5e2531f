// A site that makes its keys itself and tells the master of its hosts before it has a server.
import worker from '@vhostd/worker';
import { selfSigned } from '../../kit/certificate.js';

const known = new Map([['one.test', await selfSigned('one.test')]]);

/** Listens for these names, each with its key. */
async function listenFor(hosts: string[]): Promise<void> {
  for (const host of hosts) known.set(host, known.get(host) ?? (await selfSigned(host)));
  await worker.updateServerConf({
    cpuLen: 1,
    listen: hosts.map((host) => ({
      type: 'ssl' as const,
      host,
      port: 0,
      ipaddress: '127.0.0.1',
      ...(known.get(host) ?? { key: '', cert: '' }),
    })),
  });
}

worker.onMasterCall('keys', async (hosts) => {
  try {
    await listenFor(hosts as string[]);
    return 'ok';
  } catch (error) {
    return (error as { code?: string }).code;
  }
});
await listenFor(['one.test']);
await import('../../kit/echo.site.js');
