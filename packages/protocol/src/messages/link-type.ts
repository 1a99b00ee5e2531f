// How the frames of two processes travel: named in the conf, in status and in a daemon's launch info.

/** An IPC pipe of our own, or Node's channel. */
export type LinkType = 'pipe' | 'ipc';
