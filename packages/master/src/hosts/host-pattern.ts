// A host pattern of the conf, checked and normalized once so that routing compares plain strings.
import { isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { HOST_MAX_CHARS, LABEL_MAX_CHARS, looksLikeAddress, readName, VhostError } from '@vhostd/protocol';
import type { NameFault } from '@vhostd/protocol';

/**
 * `exact` matches the one host. `suffix` is written `*.host` and matches one or more labels in front of
 * host: `*.a.com` matches `x.a.com` and `x.y.a.com`, but not `a.com`.
 */
export interface HostPattern {
  readonly kind: 'exact' | 'suffix';
  /** Normalized as every host is: lower case, punycode, no trailing dot, IPv6 in brackets. */
  readonly host: string;
}

const FAULT_TEXT: Record<NameFault, string> = {
  'host-empty': 'it is empty',
  'host-list': 'it holds a comma; give each host a pattern of its own',
  'host-space': 'it holds white space',
  'host-userinfo': 'it holds user information before an @',
  'host-path': 'it holds a path',
  'host-percent': 'it is percent-encoded; write the characters themselves',
  'host-subdelim': 'a host name is made of letters, digits, -, _ and dots',
  'host-char': 'a host name is made of letters, digits, -, _ and dots',
  'host-label': 'it has an empty label',
  'host-length': `a host name has at most ${HOST_MAX_CHARS} characters and ${LABEL_MAX_CHARS} in a label`,
  'host-ipv6': 'it is no IPv6 address',
  'host-port': 'it holds a port; the port is set where the listener is',
};

/**
 * Reads an exact host, `*.suffix` or an IP address (IPv6 with or without brackets); names outside ASCII
 * become punycode (UTS 46).
 * @throws VhostError ERR_CONF_HOST with `info: { value, reason }`
 */
export function parseHostPattern(value: string): HostPattern {
  if (isIPv6(value) && !value.includes('%')) return { kind: 'exact', host: hostOf(value, `[${value}]`) };
  if (value.startsWith('[')) return { kind: 'exact', host: hostOf(value, value) };
  refuseWhatIdnaWouldHide(value);
  const kind = value.startsWith('*.') ? 'suffix' : 'exact';
  const name = kind === 'suffix' ? value.slice(2) : value;
  if (name.includes('*')) throw fault(value, 'a * may only stand for whole labels in front: *.example.com');
  const host = hostOf(value, toAscii(value, name));
  if (looksLikeAddress(host)) throw fault(value, 'its last label is a number, but it is no IPv4 address');
  if (isIPv4(host) && kind === 'suffix') throw fault(value, 'an IP address has no names under it');
  if (isIPv4(host) && host !== name) throw fault(value, `write the IPv4 address as ${host}`);
  return { kind, host };
}

/** The pattern as it is written in a conf and shown to people. */
export function formatHostPattern(pattern: HostPattern): string {
  return pattern.kind === 'suffix' ? `*.${pattern.host}` : pattern.host;
}

/** domainToASCII decodes percent signs, drops tabs and cuts at a slash, so these are refused before it. */
function refuseWhatIdnaWouldHide(value: string): void {
  if (/[\s\p{Cc}]/u.test(value)) throw fault(value, FAULT_TEXT['host-space']);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) throw fault(value, 'it holds a scheme; write the host alone');
  if (/[/\\?#]/.test(value)) throw fault(value, FAULT_TEXT['host-path']);
  if (value.includes('@')) throw fault(value, FAULT_TEXT['host-userinfo']);
  if (value.includes(':')) throw fault(value, FAULT_TEXT['host-port']);
  if (value.includes('%')) throw fault(value, FAULT_TEXT['host-percent']);
  if (value.includes(',')) throw fault(value, FAULT_TEXT['host-list']);
}

function toAscii(value: string, name: string): string {
  if (name === '') throw fault(value, value === '' ? FAULT_TEXT['host-empty'] : FAULT_TEXT['host-label']);
  const ascii = domainToASCII(name);
  if (ascii === '') throw fault(value, 'it is no valid internationalized name');
  return ascii;
}

function hostOf(value: string, text: string): string {
  const reading = readName(text);
  if ('fault' in reading) throw fault(value, FAULT_TEXT[reading.fault]);
  return reading.host;
}

function fault(value: string, reason: string): VhostError {
  return new VhostError('ERR_CONF_HOST', `${JSON.stringify(value)} is no host pattern: ${reason}`, {
    info: { value, reason },
  });
}
