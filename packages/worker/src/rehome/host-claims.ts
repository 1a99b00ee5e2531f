// Which hosts a site gets connections for, by listener: what the master has told this worker.
import type { HostClaims, SiteClaims } from '@vhostd/protocol';

/** Looks a host up as the router does: exact, then the longest suffix, then the default. */
class ListenerClaims {
  readonly #isDefault: boolean;
  /** Whether the site has it; suffixes begin with `*.`. */
  readonly #patterns = new Map<string, boolean>();
  readonly #hasSuffix: boolean;

  constructor({ isDefault, own, others }: HostClaims) {
    this.#isDefault = isDefault;
    for (const pattern of others) this.#patterns.set(pattern, false);
    for (const pattern of own) this.#patterns.set(pattern, true);
    this.#hasSuffix = [...own, ...others].some((pattern) => pattern.startsWith('*.'));
  }

  has(host: string | null): boolean {
    if (host === null) return this.#isDefault;
    return this.#patterns.get(host) ?? this.#ofSuffix(host) ?? this.#isDefault;
  }

  #ofSuffix(host: string): boolean | undefined {
    if (!this.#hasSuffix) return undefined;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const isOwn = this.#patterns.get(`*${host.slice(dot)}`);
      if (isOwn !== undefined) return isOwn;
    }
    return undefined;
  }
}

export class SiteHosts {
  #claims: ReadonlyMap<string, ListenerClaims>[] = [];
  #version = 0;

  /** Changes with what {@link has} answers. */
  get version(): number {
    return this.#version;
  }

  /** Takes what the master says. While it changes there are two: a host is the site's where both say so. */
  set(claims: readonly SiteClaims[]): void {
    this.#version += 1;
    this.#claims = claims.map(
      (byListener) => new Map(Object.entries(byListener).map(([key, of]) => [key, new ListenerClaims(of)])),
    );
  }

  /**
   * Whether connections to this host (normalized; null: none) on a listener are the site's. Everything is, until the
   * master has said something.
   */
  has(listener: string, host: string | null): boolean {
    return this.#claims.every((claims) => claims.get(listener)?.has(host) === true);
  }
}
