// Which commands make a system trust a certificate authority. Pure but for the look at which store this machine has.
import { existsSync } from 'node:fs';

/** What is to be done somewhere. */
export interface TrustAdvice {
  readonly what: string;
  readonly commands: readonly string[];
}

type ProgramCall = readonly [program: string, ...args: string[]];

/** A store of certificates that programs of a system share. */
interface SystemStore {
  readonly what: string;
  /** A program that is there only where the store is. */
  readonly marks: readonly string[];
  readonly run: (rootFile: string) => readonly ProgramCall[];
}

const STORES: readonly SystemStore[] = [
  {
    what: 'Debian, Ubuntu, Alpine',
    marks: ['/usr/sbin/update-ca-certificates'],
    run: (rootFile) => [
      ['install', '-m', '0644', rootFile, '/usr/local/share/ca-certificates/vhostd-internal.crt'],
      ['update-ca-certificates'],
    ],
  },
  {
    what: 'Fedora, RHEL, Arch',
    marks: ['/usr/bin/trust', '/bin/trust'],
    run: (rootFile) => [['trust', 'anchor', rootFile]],
  },
  {
    what: 'macOS',
    marks: ['/usr/bin/security'],
    run: (rootFile) => [
      ['security', 'add-trusted-cert', '-d', '-k', '/Library/Keychains/System.keychain', rootFile],
    ],
  },
];

/** The one of this machine. */
export function systemStore(exists: (file: string) => boolean = existsSync): SystemStore | undefined {
  return STORES.find(({ marks }) => marks.some((file) => exists(file)));
}

/** For systems, and for programs that have a store of their own. */
export function trustAdvice(rootFile: string): TrustAdvice[] {
  const file = quoted(rootFile);
  return [
    ...STORES.map(({ what, run }) => ({
      what,
      commands: run(rootFile).map((call) => `sudo ${call.map(quoted).join(' ')}`),
    })),
    { what: 'Windows', commands: ['certutil -addstore -f Root root.pem'] },
    {
      what: 'Firefox, and Chrome on Linux',
      commands: [`certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n vhostd -i ${file}`],
    },
    { what: 'Node.js', commands: [`NODE_EXTRA_CA_CERTS=${file} node app.js`] },
    { what: 'curl', commands: [`curl --cacert ${file} https://localhost/`] },
  ];
}

/** As a shell takes it for one word. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
