// What a worker tells of the certificates that it serves. Facts that are not as they should be are left out.
import type { CertificateFacts } from '@vhostd/protocol';
import { certificateFacts } from '@vhostd/protocol/schemas';

/** A certificate of a worker. `since`: when its fault was first reported, ms since 1970. */
export interface ToldCertificate extends CertificateFacts {
  readonly since?: number;
}

/** The facts in what arrived; no more than 200. */
export function parseCertificates(received: unknown): CertificateFacts[] {
  const list: unknown = Reflect.get(Object(received), 'certificates');
  if (!Array.isArray(list)) return [];
  return list.slice(0, MAX_COUNT).flatMap((facts: unknown) => {
    const parsed = certificateFacts.safeParse(facts);
    return parsed.success ? [parsed.data] : [];
  });
}

/** What is told now, with since when each fault is known. */
export function withSince(
  facts: readonly CertificateFacts[],
  before: readonly ToldCertificate[],
  nowMs: number,
): ToldCertificate[] {
  const known = new Map(
    before.map(({ host, fault, since }) => [JSON.stringify([host, fault?.message]), since]),
  );
  return facts.map((told) =>
    told.fault === undefined
      ? told
      : { ...told, since: known.get(JSON.stringify([told.host, told.fault.message])) ?? nowMs },
  );
}

const MAX_COUNT = 200;
