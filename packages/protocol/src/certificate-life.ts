// When a certificate should have been renewed.

/**
 * Two thirds of a certificate's life, as CAs recommend: the moment from which another one should be there. All in ms
 * since 1970.
 */
export function renewFrom(notBeforeMs: number, notAfterMs: number): number {
  return Math.round(notAfterMs - (notAfterMs - notBeforeMs) / 3);
}
