// How a daemon that takes the place of another one is told so.

/** The environment variable with a `TakeoverInfo` as JSON; removed when read. */
export const TAKEOVER_VARIABLE = 'VHOSTD_TAKEOVER';
