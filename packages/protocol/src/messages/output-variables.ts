// How a daemon tells its master where sites have their files, and where their output goes.

/** The environment variable with the path of the state directory; removed when read. */
export const STATE_DIR_VARIABLE = 'VHOSTD_STATE_DIR';
/** The environment variable that is `1` when all output goes to the screen, too; removed when read. */
export const SCREEN_VARIABLE = 'VHOSTD_SCREEN';
/** The environment variable with the path of the directory that has one for each site's workers; removed when read. */
export const SITES_DIR_VARIABLE = 'VHOSTD_SITES_DIR';
