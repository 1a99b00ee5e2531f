// The last words to a TLS client whose connection goes nowhere: complete alert records.

/**
 * No site has this name: fatal unrecognized_name(112), RFC 6066 3. These buffers are shared: write them,
 * never change them.
 */
export const TLS_ALERT_UNRECOGNIZED_NAME: Buffer = fatalAlert(112);

/** The hello cannot be read: fatal decode_error(50), RFC 8446 6.2. */
export const TLS_ALERT_DECODE_ERROR: Buffer = fatalAlert(50);

/** Readable, but not to be served: fatal handshake_failure(40), RFC 8446 6.2. */
export const TLS_ALERT_HANDSHAKE_FAILURE: Buffer = fatalAlert(40);

/** The server cannot go on, for instance because no worker is ready: fatal internal_error(80), RFC 8446 6.2. */
export const TLS_ALERT_INTERNAL_ERROR: Buffer = fatalAlert(80);

/** A record of type alert(21), version 0x0303 (RFC 8446 5.1), with level fatal(2) and the description. */
function fatalAlert(description: number): Buffer {
  return Buffer.from([21, 0x03, 0x03, 0, 2, 2, description]);
}
