// What is known of a certificate that vhostd keeps: a JSON file beside it, without secrets. docs/tls.md lists the fields.
import * as z from './zod.js';
import { CERTIFICATE_KINDS } from '../messages/certificate-file.js';
import { count } from './values.js';

/** ISO 8601. */
const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)), { error: 'a time' });

/** What issues it: `internal`, or the directory URL of an ACME authority. */
const authority = z.string();

/** When the next one comes. */
const renewal = z.object({
  /** When it is tried to get the next one, and why then. */
  nextRenewal: time,
  nextRenewalReason: z.enum(['two-thirds', 'window', 'retry']),
  /** Why the last attempt failed; absent where it did not. */
  lastError: z.object({ code: z.string(), message: z.string(), at: time }).exactOptional(),
  /** How often the authority may look in vain again within an hour of the first; absent where nobody counts. */
  attemptsLeft: count.exactOptional(),
});

/** The renewal of a certificate, as the process that keeps it tells of it. */
export const certificateRenewal = z.object({
  kind: z.enum(CERTIFICATE_KINDS),
  host: z.string(),
  /** As it was wanted. */
  uid: count.exactOptional(),
  /** Absent where it can't be had by now. */
  authority: authority.exactOptional(),
  ...renewal.shape,
});
export type CertificateRenewal = z.infer<typeof certificateRenewal>;

export const certificateState = z.object({
  version: z.literal(1),
  host: z.string(),
  kind: z.enum(CERTIFICATE_KINDS),
  authority,
  /** Of the certificate that is there, as the fields that follow; absent where there is none. */
  issuer: z.string().exactOptional(),
  serialNumber: z.string().exactOptional(),
  notBefore: time.exactOptional(),
  notAfter: time.exactOptional(),
  ...renewal.shape,
  /** When attempts failed since the last that did not, the latest last. */
  failures: z.array(time),
  /** When within the last hour the authority could not see that the host is here. */
  refusals: z.array(time),
  /** The challenge that was in vain the last time, however long ago: another one is tried first. */
  refusedChallenge: z.string().exactOptional(),
  /** When the authority wants it to be renewed; absent where it does not say. */
  window: z.object({ start: time, end: time }).exactOptional(),
});
export type CertificateState = z.infer<typeof certificateState>;
