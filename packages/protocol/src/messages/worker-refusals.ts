// Why a worker refuses a request that is none of its site's, or that can be read in two ways. docs/refusals.md says
// what each reason means.

/** What is wrong with a request, as the master and workers see it, and its status. */
export const REQUEST_REFUSALS = {
  'target-char': 400,
  'target-form': 400,
  'target-fragment': 400,
  'target-host-empty': 400,
  'target-host-space': 400,
  'target-host-userinfo': 400,
  'target-host-path': 400,
  'target-host-percent': 400,
  'target-host-char': 400,
  'target-host-ipv6': 400,
  'target-host-port': 400,
  'host-duplicate': 400,
  'host-empty': 400,
  'host-space': 400,
  'host-userinfo': 400,
  'host-path': 400,
  'host-percent': 400,
  'host-char': 400,
  'host-ipv6': 400,
  'host-port': 400,
  'transfer-encoding-duplicate': 400,
  'transfer-encoding-on-1.0': 400,
  'too-many-fields': 431,
} as const;

/** The status of each reason. */
export const WORKER_REFUSALS = {
  ...REQUEST_REFUSALS,
  'other-host': 421,
} as const;

export type WorkerRefusal = keyof typeof WORKER_REFUSALS;

/** All of them. */
export const WORKER_REFUSAL_REASONS = Object.keys(WORKER_REFUSALS) as readonly WorkerRefusal[];

/** How many requests were refused for each reason; those without any are absent. */
export type RefusalCounts = Partial<Record<WorkerRefusal, number>>;
