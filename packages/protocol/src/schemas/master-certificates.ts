// What a master and the process that keeps the certificates of sites say to each other.
import * as z from './zod.js';
import { CERTIFICATE_HOST_MAX_LENGTH, CERTIFICATE_KINDS } from '../messages/certificate-file.js';
import { certificateRenewal } from './certificate-state.js';
import type { MessageTypes } from './message-table.js';
import { count } from './values.js';

const kind = z.enum(CERTIFICATE_KINDS);

/** A directory of a site that is to have a certificate, and whose its files are. */
export const certificateHome = z.object({
  directory: z.string(),
  uid: count.exactOptional(),
  gid: count.exactOptional(),
});

/** A certificate that sites want. */
export const wantedCertificate = z.object({
  kind,
  /** Host name, `*.suffix` or IP address, in its normal form; it becomes part of a file name. */
  host: z
    .string()
    .max(CERTIFICATE_HOST_MAX_LENGTH)
    .regex(/^(?:\*\.)?[a-z\d[\]_:-][a-z\d._:[\]-]*$/),
  /** Of the sites that have it; those of another user have one with another key. Absent: the master's. */
  uid: count.exactOptional(),
  homes: z.array(certificateHome),
});
export type WantedCertificate = z.infer<typeof wantedCertificate>;

/** An authority that speaks ACME, and the account there. */
export const acmeSettings = z.object({
  /** URL of its directory. */
  directory: z.string(),
  email: z.string().exactOptional(),
  /** Absolute path of a PEM file that its server is trusted by, beside the usual ones. */
  ca: z.string().exactOptional(),
  /** Whether its terms are agreed to. */
  agree: z.boolean(),
  /** What kind of certificate to order: one of those that its directory names. */
  profile: z.string().exactOptional(),
  /** An account that is bound to one elsewhere (RFC 8555 7.3.4). */
  eab: z.object({ kid: z.string(), key: z.string() }).exactOptional(),
});
export type AcmeSettings = z.infer<typeof acmeSettings>;

/** What is to be answered to an authority that looks whether hosts are here. */
export const challenges = z.object({
  /** Below `/.well-known/acme-challenge/`, in clear. */
  http: z.array(
    z.object({
      host: z.string(),
      token: z.string().regex(/^[\w-]+$/),
      keyAuthorization: z.string().regex(/^[\w.-]+$/),
    }),
  ),
  /** Server names of hellos for which the connection is passed on. */
  tls: z.array(z.string()),
});
export type Challenges = z.infer<typeof challenges>;

export const masterToCertificates = {
  ping: { params: z.null(), result: z.null() },
  /** All that is wanted from now on. */
  order: {
    params: z.object({ certificates: z.array(wantedCertificate), acme: acmeSettings.exactOptional() }),
    result: z.null(),
  },
  /** A connection with a hello for one of {@link challenges}, which travels along; `head`: its bytes, as latin1. */
  prove: { params: z.object({ head: z.string() }), result: z.null() },
};
export type MasterToCertificates = MessageTypes<typeof masterToCertificates>;

/** There is another certificate; its homes have it. Times are ISO 8601. */
const issuedCertificate = z.object({
  kind,
  host: z.string(),
  issuer: z.string(),
  notAfter: z.string(),
  nextRenewal: z.string(),
});
export type IssuedCertificate = z.infer<typeof issuedCertificate>;

/** One could not be had, or not be given to a home; what was there stays. */
const failedCertificate = z.object({
  kind,
  host: z.string(),
  code: z.string(),
  message: z.string(),
  nextAttempt: z.string(),
});
export type FailedCertificate = z.infer<typeof failedCertificate>;

export const certificatesToMaster = {
  issued: { params: issuedCertificate, result: z.null() },
  failed: { params: failedCertificate, result: z.null() },
  /** Whenever that changes, and once for each that is wanted. */
  renewal: { params: certificateRenewal, result: z.null() },
  /** All that is to be answered from now on; the result says that it is. */
  challenges: { params: challenges, result: z.null() },
};
export type CertificatesToMaster = MessageTypes<typeof certificatesToMaster>;
