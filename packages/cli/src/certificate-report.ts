// What `vhostd cert` shows: a line a certificate, or all of one; and which certificates are those of a host.
import type { CertificateStatus, RenewalStatus } from '@vhostd/protocol';
import { columns } from './columns.js';
import { formatDuration } from './duration.js';

/** What is known of certificates. */
export interface KnownCertificates {
  /** Those that workers serve. */
  readonly certificates: readonly CertificateStatus[];
  /** Of those that vhostd keeps. */
  readonly renewals?: readonly RenewalStatus[];
}

/** A line each within so many characters, those that end first above, and below them what is wrong. */
export function certificateTable(
  { certificates, renewals = [] }: KnownCertificates,
  width: number,
  nowMs: number,
): string[] {
  const awaited = renewals.filter((renewal) => !certificates.some((one) => isOf(renewal, one)));
  if (certificates.length + awaited.length === 0) return ['no certificates'];
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
  const waiting = awaited.map(({ host = ANY, siteId, lastError }) => [
    shortened(host, HOST_WIDTH),
    shortened(siteId, SITE_WIDTH),
    lastError === undefined ? 'awaited' : 'awaited!',
    NONE,
    NONE,
    NONE,
  ]);
  const faults = [
    ...sorted.flatMap(({ host = ANY, fault }) =>
      fault === undefined ? [] : [`${host}: ${fault.code}: ${fault.message}`],
    ),
    ...renewals.flatMap((renewal) => {
      const { host = ANY, lastError } = renewal;
      if (lastError === undefined) return [];
      return [`${host}: ${lastError.code}: ${lastError.message}; ${renewalText(renewal)}`];
    }),
  ];
  return [
    ...columns([HEADINGS, ...waiting, ...rows]).map((line) => shortened(line, width)),
    ...(faults.length === 0 ? [] : ['', ...faults]),
  ];
}

/** All that is known of each. */
export function certificateDetails(
  { certificates, renewals = [] }: KnownCertificates,
  nowMs: number,
): string[] {
  const awaited = renewals.filter((renewal) => !certificates.some((one) => isOf(renewal, one)));
  const blocks = [
    ...certificates.map((certificate) => {
      const renewal = renewals.find((one) => isOf(one, certificate));
      return [
        ...detailRows(certificate, nowMs, renewal),
        ...(renewal === undefined ? [] : renewalRows(renewal)),
      ];
    }),
    ...awaited.map((renewal) => [
      ['host', renewal.host ?? ANY],
      ['site', renewal.siteId],
      ['state', 'awaited: handshakes are refused until it is there'],
      ...renewalRows(renewal),
    ]),
  ];
  return blocks.flatMap((rows, index) => [...(index === 0 ? [] : ['']), ...columns(rows)]);
}

function detailRows(
  certificate: CertificateStatus,
  nowMs: number,
  renewal: RenewalStatus | undefined,
): string[][] {
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
  const writer = `due from ${renewFrom} on, by who writes ${file === undefined ? 'the conf' : 'its file'}`;
  return [
    ['host', host],
    ['site', siteId],
    ['names', names.join(', ')],
    ['issuer', issuer],
    ['good', `from ${notBefore} until ${notAfter}`],
    ['state', `${state}, ${leftOf(certificate, nowMs)} left`],
    ...(renewal === undefined ? [['renewal', writer]] : []),
    ['file', file ?? 'none: it stands in the conf'],
    ['sha256', fingerprint],
    ['workers', String(certificate.workers)],
    ...(fault === undefined ? [] : [['fault', `${fault.code}: ${fault.message} (since ${fault.since})`]]),
  ];
}

function renewalRows(renewal: RenewalStatus): string[][] {
  const { authority, lastError, attemptsLeft } = renewal;
  return [
    ...(authority === undefined ? [] : [['authority', authority]]),
    ['renewal', renewalText(renewal)],
    ...(lastError === undefined
      ? []
      : [['error', `${lastError.code}: ${lastError.message} (at ${lastError.at})`]]),
    ...(attemptsLeft === undefined ? [] : [['attempts', `${attemptsLeft} left within an hour`]]),
  ];
}

export function renewalText({ nextRenewal, nextRenewalReason }: RenewalStatus): string {
  return `${nextRenewal}, ${REASONS[nextRenewalReason]}`;
}

/** Of one host of one site. */
function isOf(renewal: RenewalStatus, { siteId, host }: CertificateStatus): boolean {
  return renewal.siteId === siteId && renewal.host === host;
}

/** Why it is then. */
const REASONS: Readonly<Record<RenewalStatus['nextRenewalReason'], string>> = {
  'two-thirds': 'when two thirds of its life are over',
  window: 'when the authority wants it',
  retry: 'the next attempt after one that failed',
};

/** Those that clients get who ask for a host: of the exact host, else of the longest wildcard, else of every host. */
export function certificatesFor<Of extends { readonly host?: string }>(
  host: string,
  certificates: readonly Of[],
): Of[] {
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
