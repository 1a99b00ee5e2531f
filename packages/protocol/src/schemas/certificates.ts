// What is known of certificates: what a worker tells of those that it serves, and what operators are shown. Never a key.
import { HOST_MAX_CHARS } from '../hosts/host-name.js';
import * as z from './zod.js';
import { count } from './values.js';

const host = z.string().max(HOST_MAX_CHARS + 2);
const name = z.string().max(HOST_MAX_CHARS + 2);
/** ms since 1970; what `Date` takes. */
const moment = z.int().min(-8.64e15).max(8.64e15);
const fingerprint = z.string().regex(/^[0-9a-f]{64}$/);

/** Why what is in the files is not used, or why clients will refuse what is. */
const fault = z.object({ code: z.string().max(64), message: z.string().max(1024) });

/** One certificate of a worker. */
export const certificateFacts = z.object({
  /** That of its `ssl` entry; absent: every host. */
  host: host.exactOptional(),
  issuer: z.string().max(256),
  /** What it is for, DNS names and IP addresses. */
  names: z.array(name).max(100),
  notBefore: moment,
  notAfter: moment,
  /** SHA-256, hex. */
  fingerprint,
  /** Where it was read from; absent: it stands in the conf. */
  file: z.string().max(4096).exactOptional(),
  fault: fault.exactOptional(),
});
export type CertificateFacts = z.infer<typeof certificateFacts>;

/** `due`: two thirds of its life are over, so that another one should be there by now. */
export const certificateState = z.enum(['good', 'due', 'expired']);
export type CertificateState = z.infer<typeof certificateState>;

/** One certificate of a site, as `vhostd cert --json` shows it. */
export const certificateStatus = z.object({
  siteId: z.string(),
  ...certificateFacts.shape,
  /** ISO 8601, UTC, as `notAfter` and `renewFrom`. */
  notBefore: z.string(),
  notAfter: z.string(),
  /** From then on it is `due`. */
  renewFrom: z.string(),
  state: certificateState,
  /** `since`: when the fault was told of first. */
  fault: fault.extend({ since: z.string() }).exactOptional(),
  /** How many workers serve it. */
  workers: count,
});
export type CertificateStatus = z.infer<typeof certificateStatus>;

/** Those of all sites. */
export const certificatesResult = z.object({ certificates: z.array(certificateStatus) });
export type CertificatesResult = z.infer<typeof certificatesResult>;
