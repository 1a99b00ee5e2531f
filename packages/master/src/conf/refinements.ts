// Which fields of a site have no use beside others.
import type { z } from '@vhostd/protocol/schemas';
import { refusal } from './fields.js';

/** What `refine` takes. */
export type Refinement = [check: (site: object) => boolean, params: z.core.$ZodCustomParams];

/** Refuses a field that only a site with a server has. */
export function ofServer(name: string): Refinement {
  return without(name, isServerless, "has no use with 'server': false or an interpreter");
}

/** Refuses a field that only a site has whose workers are started again. */
export function ofService(name: string): Refinement {
  const isJob = (site: object): boolean => isOff(site, 'autorestart');
  return without(name, isJob, "has no use with 'autorestart': false: a job is not replaced");
}

/** Refuses a field that only a program of Node has. */
export function ofNode(name: string, reason: string): Refinement {
  return without(name, isProgram, reason);
}

function without(name: string, isWithout: (site: object) => boolean, reason: string): Refinement {
  const check = (site: object): boolean => {
    const value: unknown = Reflect.get(site, name);
    const isSet = Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
    return !isWithout(site) || !isSet;
  };
  return [check, refusal([name], 'to be left out', reason)];
}

export function isServerless(site: object): boolean {
  return isOff(site, 'server') || isProgram(site);
}

export function isProgram(site: object): boolean {
  return Reflect.get(site, 'interpreter') !== undefined;
}

export function isOff(site: object, flagName: string): boolean {
  return Reflect.get(site, flagName) === false;
}
