// What an operator may order of one site, or of all, and what came of it.
import * as z from './zod.js';
import { count, wireError } from './values.js';

/** What came of a reload, site by site. */
export const reloadResult = z.object({
  sites: z.array(
    z.object({
      siteId: z.string(),
      /** The generation in force. */
      generation: count,
      ok: z.boolean(),
      error: wireError.exactOptional(),
    }),
  ),
  /** Those among them that were not there before; present where there are any. */
  added: z.array(z.string()).exactOptional(),
  /** Sites that are gone from the conf, and stop; present where there are any. */
  removed: z.array(z.string()).exactOptional(),
});
export type ReloadResult = z.infer<typeof reloadResult>;

/** What came of a restart. */
export const restartResult = z.object({
  siteId: z.string(),
  /** Workers that were replaced. */
  workers: count,
});
export type RestartResult = z.infer<typeof restartResult>;

/** How a site is stopped. */
export const stopSiteOptions = z.object({
  /** Without letting its connections finish. Default false. */
  now: z.boolean().default(false),
});
export type StopSiteOptions = z.infer<typeof stopSiteOptions>;

/** How an added site is taken away; of the query of a DELETE, which has texts. */
export const removeSiteOptions = z.object({
  /** Without letting its connections finish. Default false. */
  now: z.enum(['true', 'false']).default('false'),
});

/** What came of a stop or a start. */
export const switchResult = z.object({
  siteId: z.string(),
  /** Whether the next master knows of it. */
  lasts: z.boolean(),
});
export type SwitchResult = z.infer<typeof switchResult>;

/** A site that is to be served from now on. */
export const addSiteOptions = z.object({
  /** Fields of `sites[]` of a conf. */
  site: z.record(z.string(), z.unknown(), { error: "an object with a site's fields" }),
  /** What its relative paths are relative to. */
  baseDir: z.string().regex(/^\//u, { error: 'an absolute path' }),
});
export type AddSiteOptions = z.infer<typeof addSiteOptions>;

export const addSiteResult = z.object({
  siteId: z.string(),
  /** False: it was there already, added with the same fields. */
  added: z.boolean(),
  /** Whether the next master knows of it. */
  lasts: z.boolean(),
  hosts: z.array(z.string()),
  /** Where it is served. */
  listening: z.array(z.object({ address: z.string(), port: count, type: z.enum(['tcp', 'ssl']) })),
  /** Why it does not serve. It is added, and tried again. */
  error: wireError.exactOptional(),
});
export type AddSiteResult = z.infer<typeof addSiteResult>;

/** What is to be otherwise of a site that was added. */
export const changeSiteOptions = z.object({
  /** Fields in place of those that it has; null takes one away. Those of `workerOptions` and `env` one by one. */
  site: z.record(z.string(), z.unknown(), { error: "an object with a site's fields" }).exactOptional(),
  /** In place of a part of its `listen`. */
  where: z
    .object({
      hosts: z.array(z.string()).min(1).exactOptional(),
      port: z.int().min(0).max(65_535).exactOptional(),
      ipaddress: z.string().exactOptional(),
    })
    .exactOptional(),
});
export type ChangeSiteOptions = z.infer<typeof changeSiteOptions>;

export const changeSiteResult = addSiteResult.omit({ added: true }).extend({
  /** False: it is as it was. */
  changed: z.boolean(),
  /** Why its new workers do not serve: those before go on, if there are any. The change is kept. */
  error: wireError.exactOptional(),
});
export type ChangeSiteResult = z.infer<typeof changeSiteResult>;

/** What is to be told of a site's variables; of the query of a GET, which has texts. */
export const variablesOptions = z.object({
  /** Their values as well. Default false. */
  values: z.enum(['true', 'false']).default('false'),
});

const siteVariable = z.object({
  name: z.string(),
  /** `inherited`: vhostd's own. `vhostd`: made by vhostd, such as `PWD`. The others are fields of the conf. */
  from: z.enum(['inherited', 'vhostd', 'envFile', 'env']),
  value: z.string().exactOptional(),
});
export type SiteVariable = z.infer<typeof siteVariable>;

/** The environment of a site's workers, by name. */
export const variablesResult = z.object({ siteId: z.string(), variables: z.array(siteVariable) });
export type VariablesResult = z.infer<typeof variablesResult>;

/** Which logs are to be emptied. */
export const flushOptions = z.object({
  /** Default: of all sites. */
  siteId: z.string().exactOptional(),
});
export type FlushOptions = z.infer<typeof flushOptions>;

/** The files that were emptied. */
export const flushResult = z.object({ files: z.array(z.string()) });
export type FlushResult = z.infer<typeof flushResult>;

/** The signals that an operator may send to workers. */
export const WORKER_SIGNALS = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGABRT',
  'SIGKILL',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGTERM',
  'SIGCONT',
  'SIGSTOP',
  'SIGTSTP',
  'SIGWINCH',
] as const;

export const signalOptions = z.object({ signal: z.enum(WORKER_SIGNALS) });
export type SignalOptions = z.infer<typeof signalOptions>;

export const signalResult = z.object({
  siteId: z.string(),
  signal: z.string(),
  /** Workers that it was sent to. */
  workers: count,
});
export type SignalResult = z.infer<typeof signalResult>;

/** How many workers a site is to have. */
export const scaleOptions = z.object({
  /** 1 to 1024; so many more or less, such as `+1`; `max`: one a CPU; `conf`: what its conf says. */
  workers: z.union([z.int().min(1).max(1024), z.string().regex(/^(?:[+-]\d{1,4}|max|conf)$/u)], {
    error: 'a number from 1 to 1024, +N, -N, max or conf',
  }),
});
export type ScaleOptions = z.infer<typeof scaleOptions>;

export const scaleResult = z.object({
  siteId: z.string(),
  /** How many it was to have before. */
  before: count,
  workers: count,
  /** Whether the next master knows of it. */
  lasts: z.boolean(),
});
export type ScaleResult = z.infer<typeof scaleResult>;

/** How a site is paused. */
export const pauseOptions = z.object({
  /**
   * How long each new connection is held at most, as a duration such as `2m` or in ms; 1 ms to 24 days. Default: 30 s,
   * or the site's `parkTimeout` where that is longer.
   */
  timeout: z
    .union([z.string(), z.number()], { error: 'a duration: a text such as 2m, or ms' })
    .exactOptional(),
});
export type PauseOptions = z.infer<typeof pauseOptions>;

export const pauseResult = z.object({
  siteId: z.string(),
  /** How long a connection is held, ms. */
  timeoutMs: count,
  /** How many are held at once. */
  maxCount: count,
});
export type PauseResult = z.infer<typeof pauseResult>;

export const resumeResult = z.object({
  siteId: z.string(),
  /** False: there was no pause to end. */
  wasPaused: z.boolean(),
  /** Connections that were held until now. */
  heldCount: count,
});
export type ResumeResult = z.infer<typeof resumeResult>;

/** What those who meet a site in maintenance are shown. */
export const maintenanceOptions = z.object({
  /** Shown on the page, unless the site has one of its own, and in the status. At most 2000 characters. */
  message: z.string().exactOptional(),
  /** Heading of the page. At most 100 characters. Default `Maintenance`. */
  title: z.string().exactOptional(),
  /** The plain page reloads itself each so many seconds, 1 to 3600, even where the site has a page of its own. Default: it does not. */
  refresh: z.int().min(1).max(3600).exactOptional(),
});
export type MaintenanceOptions = z.infer<typeof maintenanceOptions>;

export const maintenanceResult = z.object({
  siteId: z.string(),
  on: z.boolean(),
  /** The site's own page that was read; absent: a plain one, or none any more. */
  page: z.string().exactOptional(),
  /** Workers that have not confirmed it in time. They follow as soon as they read their messages. */
  silentCount: count,
});
export type MaintenanceResult = z.infer<typeof maintenanceResult>;
