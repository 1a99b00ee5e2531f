// A key and its certificate in files, for servers that speak TLS.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { selfSigned } from '@vhostd/test/certificate';

/** Paths of PEM files. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** Makes one of an elliptic curve (P-256), as CAs issue by default today, while `use` works with it. */
export async function withIdentity<T>(use: (identity: Identity) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'vhostd-bench-tls-'));
  try {
    const { key, cert } = await selfSigned('a.test', 'b.test');
    const identity = { key: join(directory, 'key.pem'), cert: join(directory, 'cert.pem') };
    await writeFile(identity.key, key, { mode: 0o600 });
    await writeFile(identity.cert, cert);
    return await use(identity);
  } finally {
    await rm(directory, { recursive: true });
  }
}
