// How a daemon tells its master where sites have their files, and where their output goes.

/** The environment variable with the path of the state directory; removed when read. */
export const STATE_DIR_VARIABLE = 'VHOSTD_STATE_DIR';
/** The environment variable that is `1` when all output goes to the screen, too; removed when read. */
export const SCREEN_VARIABLE = 'VHOSTD_SCREEN';
/** The environment variable with the path of the directory that has one for each site's workers; removed when read. */
export const SITES_DIR_VARIABLE = 'VHOSTD_SITES_DIR';

/**
 * The environment variable with the control group (cgroup v2) below which sites have theirs: a directory, or, for a daemon,
 * {@link DELEGATED} for its own one. Removed by the master.
 */
export const CGROUP_VARIABLE = 'VHOSTD_CGROUP';

/** The daemon's own control group is its to manage: `Delegate=yes` of systemd. */
export const DELEGATED = 'delegated';
