// What is known of certificates: what a worker tells of those that it serves, and what operators are shown. Never a key.
import type { CertificateFacts } from '../messages/certificate-facts.js';
import { HOST_MAX_CHARS } from '../hosts/host-name.js';
import * as z from './zod.js';
import { certificateRenewal } from './certificate-state.js';
import { count } from './values.js';

const host = z.string().max(HOST_MAX_CHARS + 2);
/** ms since 1970; what `Date` takes. */
const moment = z.int().min(-8.64e15).max(8.64e15);

const fault = z.object({ code: z.string().max(64), message: z.string().max(1024) });

const facts = z.object({
  host: host.exactOptional(),
  issuer: z.string().max(256),
  names: z.array(host).max(100),
  notBefore: moment,
  notAfter: moment,
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  file: z.string().max(4096).exactOptional(),
  fault: fault.exactOptional(),
});

/** One certificate, as a worker tells of it. */
export const certificateFacts: z.ZodType<CertificateFacts> = facts;

/** `due`: two thirds of its life are over, so that another one should be there by now. */
const state = z.enum(['good', 'due', 'expired']);

/** One certificate of a site, as `vhostd cert --json` shows it. */
export const certificateStatus = z.object({
  siteId: z.string(),
  ...facts.shape,
  /** ISO 8601, UTC, as `notAfter` and `renewFrom`. */
  notBefore: z.string(),
  notAfter: z.string(),
  /** From then on it is `due`. */
  renewFrom: z.string(),
  state,
  /** `since`: when the fault was first reported. */
  fault: fault.extend({ since: z.string() }).exactOptional(),
  /** How many workers serve it. */
  workers: count,
});
export type CertificateStatus = z.infer<typeof certificateStatus>;

/** When a site has the next certificate of those that vhostd keeps, also where there is none yet. */
export const renewalStatus = z.object({
  siteId: z.string(),
  ...certificateRenewal.shape,
  /** As in the entry: absent where that has none. */
  host: host.exactOptional(),
});
export type RenewalStatus = z.infer<typeof renewalStatus>;

/** Those of all sites. */
export const certificatesResult = z.object({
  certificates: z.array(certificateStatus),
  /** Absent where vhostd keeps none. */
  renewals: z.array(renewalStatus).exactOptional(),
});
export type CertificatesResult = z.infer<typeof certificatesResult>;
