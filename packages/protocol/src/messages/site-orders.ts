// What an operator may order of one site: hold its new connections, or answer its requests with a page.

/** How a site is paused. */
export interface PauseOptions {
  /**
   * How long each new connection is held at most, as a duration such as `2m` or in ms; 1 ms to 24 days. Default: 30 s,
   * or the site's `parkTimeout` where that is longer.
   */
  timeout?: string | number;
}

/** What a pause came to. */
export interface PauseResult {
  siteId: string;
  /** How long a connection is held, ms. */
  timeoutMs: number;
  /** How many are held at once. */
  maxCount: number;
}

/** What the end of a pause came to. */
export interface ResumeResult {
  siteId: string;
  /** False: there was no pause to end. */
  wasPaused: boolean;
  /** Connections that were held until now. */
  heldCount: number;
}

/** What is told to those who meet a site in maintenance. */
export interface MaintenanceOptions {
  /** Shown on the page, unless the site has one of its own, and in the status. At most 2000 characters. */
  message?: string;
}

/** What the beginning or end of a maintenance came to. */
export interface MaintenanceResult {
  siteId: string;
  on: boolean;
  /** The site's own page that was read; absent: a plain one, or none any more. */
  page?: string;
  /** Workers that have not confirmed it in time. They follow as soon as they read their messages. */
  silentCount: number;
}
