// Which HTTP status tells of which error: the one table of them.

/** 500 for a code that has no status of its own. */
export function httpStatusOf(code: string): number {
  return STATUS[code] ?? (code.startsWith('ERR_CONF_') ? 422 : 500);
}

const STATUS: Readonly<Record<string, number>> = {
  ERR_CONTROL_REQUEST: 400,
  ERR_MESSAGE_INVALID: 400,
  ERR_SITE_OPTION: 400,
  ERR_CONTROL_ROUTE: 404,
  ERR_SITE_UNKNOWN: 404,
  ERR_CONTROL_METHOD: 405,
  ERR_DAEMON_STATE: 409,
  ERR_FLEET_NONE: 409,
  ERR_MAINTENANCE_SERVER: 409,
  ERR_SITE_EXISTS: 409,
  ERR_SITE_IN_CONF: 409,
  ERR_UPGRADE_PROGRAM: 409,
  ERR_UPGRADE_RUNNING: 409,
  ERR_CONTROL_TOO_LARGE: 413,
  ERR_MAINTENANCE_PAGE: 422,
  ERR_CALL_LOST: 502,
  ERR_CONTROL_BUSY: 503,
  ERR_CONTROL_CLOSED: 503,
  ERR_FLEET_STORE: 503,
  ERR_MASTER_NOT_RUNNING: 503,
  ERR_CALL_TIMEOUT: 504,
};
