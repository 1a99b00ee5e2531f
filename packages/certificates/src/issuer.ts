// Who issues certificates, and where what is issued is kept.

export interface Issuer {
  /** Absolute path of the directory with a `HOST.pem` and a `HOST.json` for each certificate. */
  readonly directory: string;
  /** What it is called in the state of a certificate. */
  readonly name: string;
  /** Whether a certificate, as PEM text, is one of its own by now. */
  vouchesFor(pem: string): boolean;
  /** Makes a key, and resolves with it and the certificate's chain behind it, as PEM text. */
  issue(host: string): Promise<string>;
}
