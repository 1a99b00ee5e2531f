// Who issues certificates, and where what is issued is kept.

/** What came before. */
export interface IssueContext {
  /** The challenge with which the authority could not see the last time that the host is here. */
  readonly refusedChallenge: string | undefined;
  /** The certificate that the new one takes the place of, as PEM text. */
  readonly previous: string | undefined;
}

export interface Issuer {
  /** Absolute path of the directory with a `HOST.pem` and a `HOST.json` for each certificate. */
  readonly directory: string;
  /** What it is called in the state of a certificate. */
  readonly name: string;
  /** Whether a certificate, as PEM text, is one of its own by now. */
  vouchesFor(pem: string): boolean;
  /** How often it may look in vain within an hour whether a host is here. Absent: nobody counts. */
  readonly attemptsPerHour?: number;
  /** Makes a key, and resolves with it and the certificate's chain behind it, as PEM text. */
  issue(host: string, context: IssueContext): Promise<string>;
  /** When it wants a certificate to be renewed, ms since 1970; undefined where it does not say. */
  renewalWindow?(pem: string): Promise<{ start: number; end: number } | undefined>;
}
