// When something is to be done again and again: cron patterns, read by croner.
import { Cron } from 'croner';
import { z } from '@vhostd/protocol/schemas';
import { object, text, withoutUndefined } from './fields.js';
import type { IssueParams } from './fields.js';
import type { CronRule } from './site-conf.js';

/** A cron pattern, alone or with its time zone. One that never comes is refused. */
export function cron(): z.ZodType<CronRule> {
  const pattern = text();
  const timeZone = text()
    .optional()
    .describe("Time zone of `pattern`, such as `Europe/Berlin`. Absent: the machine's.");
  const written = object({ pattern: pattern.describe('When it is done.'), timeZone }).transform((rule) =>
    withoutUndefined(rule),
  );
  return z
    .union([pattern.transform((alone): CronRule => ({ pattern: alone })), written], { error: EXPECTED })
    .superRefine((rule, context) => {
      const because = faultOf(rule);
      if (because === undefined) return;
      const params: IssueParams = { code: 'ERR_CONF_CRON', because };
      context.addIssue({ code: 'custom', message: EXPECTED, params: { ...params } });
    });
}

/** The timer of a rule; it keeps no process alive. */
export function cronTimer(rule: CronRule, onTime?: () => void): Cron {
  const { pattern, timeZone } = rule;
  // Without a function croner has no timer.
  return new Cron(
    pattern,
    {
      mode: '5-or-6-parts',
      unref: true,
      ...(timeZone === undefined ? {} : { timezone: timeZone }),
      ...(onTime === undefined ? { paused: true } : {}),
    },
    onTime,
  );
}

/** Whether it is a job that is run at certain times, and at no other. */
export function isScheduledJob({
  cron: rule,
  autorestart,
}: {
  cron?: CronRule;
  autorestart: boolean;
}): boolean {
  return rule !== undefined && !autorestart;
}

/** What is wrong with a rule, in croner's words. */
function faultOf(rule: CronRule): string | undefined {
  // Croner takes a single date, too.
  if (!/^\s*(?:@|\S+\s+\S)/.test(rule.pattern)) return 'it has five fields, or six with seconds in front';
  try {
    return cronTimer(rule).nextRun() === null ? 'no day is ever like that' : undefined;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return /time ?zone/i.test(said)
      ? `there is no time zone ${JSON.stringify(rule.timeZone)}`
      : said.replace(/^Cron\w+: /, '');
  }
}

const EXPECTED = "a cron pattern such as '0 3 * * *', or { pattern, timeZone }";
