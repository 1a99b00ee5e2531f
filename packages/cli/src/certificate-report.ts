// What `vhostd cert` shows: a line a certificate, or all of one; and which certificates are those of a host.
import type { CertificateStatus } from '@vhostd/protocol';
import { columns } from './columns.js';
import { formatDuration } from './duration.js';

/** A line each within so many characters, those that end first above, and below them what is wrong. */
export function certificateTable(
  certificates: readonly CertificateStatus[],
  width: number,
  nowMs: number,
): string[] {
  if (certificates.length === 0) return ['no certificates'];
  const sorted = certificates.toSorted((one, other) => one.notAfter.localeCompare(other.notAfter));
  const rows = sorted.map((certificate) => {
    const { host = ANY, siteId, notAfter, state, fault, issuer } = certificate;
    return [
      shortened(host, HOST_WIDTH),
      shortened(siteId, SITE_WIDTH),
      fault === undefined ? state : `${state}!`,
      notAfter.slice(0, 10),
      leftOf(certificate, nowMs),
      issuerName(issuer),
    ];
  });
  const faults = sorted.flatMap(({ host = ANY, fault }) =>
    fault === undefined ? [] : [`${host}: ${fault.code}: ${fault.message}`],
  );
  return [
    ...columns([HEADINGS, ...rows]).map((line) => shortened(line, width)),
    ...(faults.length === 0 ? [] : ['', ...faults]),
  ];
}

/** All that is known of each. */
export function certificateDetails(certificates: readonly CertificateStatus[], nowMs: number): string[] {
  return certificates.flatMap((certificate, index) => {
    const {
      siteId,
      host = ANY,
      names,
      issuer,
      notBefore,
      notAfter,
      renewFrom,
      fingerprint,
      file,
      state,
      fault,
    } = certificate;
    const rows = [
      ['host', host],
      ['site', siteId],
      ['names', names.join(', ')],
      ['issuer', issuer],
      ['good', `from ${notBefore} until ${notAfter}`],
      ['state', `${state}, ${leftOf(certificate, nowMs)} left`],
      ['renewal', `due from ${renewFrom} on, by who writes ${file === undefined ? 'the conf' : 'its file'}`],
      ['file', file ?? 'none: it stands in the conf'],
      ['sha256', fingerprint],
      ['workers', String(certificate.workers)],
      ...(fault === undefined ? [] : [['fault', `${fault.code}: ${fault.message} (since ${fault.since})`]]),
    ];
    return [...(index === 0 ? [] : ['']), ...columns(rows)];
  });
}

/** Those that clients get who ask for a host: of the exact host, else of the longest wildcard, else of every host. */
export function certificatesFor(
  host: string,
  certificates: readonly CertificateStatus[],
): CertificateStatus[] {
  const wanted = host.toLowerCase().replace(/\.$/u, '');
  const patterns = [wanted];
  for (let dot = wanted.indexOf('.'); dot !== -1; dot = wanted.indexOf('.', dot + 1)) {
    patterns.push(`*${wanted.slice(dot)}`);
  }
  for (const pattern of [...patterns, undefined]) {
    const found = certificates.filter((one) => one.host === pattern);
    if (found.length > 0) return found;
  }
  return [];
}

/** How long it is good yet. */
function leftOf({ notAfter }: CertificateStatus, nowMs: number): string {
  const leftMs = Date.parse(notAfter) - nowMs;
  return leftMs <= 0 ? NONE : formatDuration(leftMs);
}

/** Its common name, else its organisation. */
function issuerName(issuer: string): string {
  return /(?:^|, )CN=([^,]+)/u.exec(issuer)?.[1] ?? /(?:^|, )O=([^,]+)/u.exec(issuer)?.[1] ?? issuer;
}

function shortened(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`;
}

const HEADINGS = ['HOST', 'SITE', 'STATE', 'UNTIL', 'LEFT', 'ISSUER'];
/** What an entry without a host is for. */
const ANY = '*';
const NONE = '-';
/** So that the rest has room in 80 characters. */
const HOST_WIDTH = 26;
const SITE_WIDTH = 12;
