// The conf file of a master that runs: what one site of it has become can be looked up without checking all the others
// again, as long as the text of the file is the same.
import { resolve } from 'node:path';
import { readConf } from './load-conf.js';
import type { ReadConf } from './load-conf.js';
import { parseMasterConf, parseSite } from './parse-conf.js';
import type { MasterConf } from './site-conf.js';

export class ConfFile {
  readonly path: string;
  /** What the file was when all of it was last found to be right. */
  #last: { text: string | undefined; written: unknown; conf: MasterConf } | undefined;

  constructor(file: string) {
    this.path = resolve(file);
  }

  /**
   * What the file says now. With a `siteId` that is all that is looked at anew on disk beside the file itself, such as what
   * runs the site's program: of the others the conf is that of before, unless the file is another one or a script.
   * @throws {VhostError} as `loadConf`.
   */
  async load(siteId?: string): Promise<MasterConf> {
    const read = await readConf(this.path);
    const known = siteId === undefined ? undefined : this.#withSite(siteId, read);
    if (known !== undefined) return known;
    const written = await read.written();
    const conf = parseMasterConf(written, read.source);
    this.#last = { text: read.text, written, conf };
    return conf;
  }

  #withSite(siteId: string, { text, source }: ReadConf): MasterConf | undefined {
    if (this.#last === undefined || text === undefined || text !== this.#last.text) return undefined;
    const { written, conf } = this.#last;
    const index = conf.sites.findIndex((site) => site.siteId === siteId);
    if (index === -1) return undefined;
    const sites: unknown = Reflect.get(Object(written), 'sites');
    const site = parseSite(Reflect.get(Object(sites), index), source);
    return site.siteId === siteId ? { ...conf, sites: conf.sites.with(index, site) } : undefined;
  }
}
