// A master's metrics: what it counts, and the address on which it answers who asks for that.
import type { FleetStanding, MetricFamily, MetricsReach } from '@vhostd/protocol';
import type { Certificates } from '../certificates/certificates.js';
import { certificatesOf } from '../certificates/site-certificates.js';
import type { MetricsConf } from '../conf/site-conf.js';
import type { MasterEvents } from '../events.js';
import type { Health } from '../ingress/health.js';
import type { ListenerRegistry } from '../listeners/listener-registry.js';
import { LogFiles } from '../logs/log-files.js';
import type { Sites } from '../sites/sites.js';
import { VERSION } from '../version.js';
import { MetricsServer } from './metrics-server.js';
import { OtlpPush } from './otlp-push.js';
import { Metrics } from './metrics.js';

/** What {@link MasterMetrics} works with. */
export interface MetricsParts {
  readonly sites: Sites;
  readonly listeners: ListenerRegistry;
  readonly health: Health;
  readonly fleet: { readonly standing: FleetStanding | undefined };
  readonly certificates: Pick<Certificates, 'renewalsOf'>;
  readonly events: MasterEvents;
}

export class MasterMetrics {
  readonly #parts: MetricsParts;
  readonly #metrics = new Metrics();
  readonly #server: MetricsServer;
  readonly #push: OtlpPush;
  /** Another master answers. */
  #held = false;

  constructor(parts: MetricsParts) {
    const { listeners, health, events } = parts;
    this.#parts = parts;
    this.#server = new MetricsServer(
      {
        families: () => this.families(),
        health: () => health.state,
        onFailed: ({ ipaddress, port }, error) =>
          events.emit('listener.failed', { key: `metrics ${ipaddress} ${port}`, error }),
      },
      listeners,
    );
    this.#push = new OtlpPush(() => this.families(), events);
    this.#metrics.subscribe(events);
  }

  families(): MetricFamily[] {
    const { sites, health, fleet, certificates } = this.#parts;
    const now = Date.now();
    return this.#metrics.families({
      version: VERSION,
      ready: health.state === 'serving',
      sites: sites.all().map((site) => site.status()),
      certificates: sites.all().flatMap((site) => certificatesOf(site, now)),
      renewals: sites.all().flatMap((site) => certificates.renewalsOf(site)),
      logs: LogFiles.shared.stats(),
      fleet: fleet.standing,
    });
  }

  /** Where they are; undefined where the conf names no address. */
  get standing(): MetricsReach | undefined {
    const [served, push] = [this.#server.standing, this.#push.standing];
    if (served === undefined && push === undefined) return undefined;
    return { ...served, ...(push === undefined ? {} : { push }) };
  }

  /** Answers where the conf says, or nowhere, and tells the collector that it names. */
  serve(conf: MetricsConf | undefined): void {
    if (this.#held) return;
    this.#push.follow(conf?.otlp);
    this.#server.listen(conf);
  }

  /** Leaves it to another master until {@link accept}. */
  hold(): void {
    this.#held = true;
    this.#server.rest();
    this.#push.follow(undefined);
  }

  accept(conf: MetricsConf | undefined): void {
    this.#held = false;
    this.serve(conf);
  }

  close(): void {
    this.#push.follow(undefined);
    this.#server.listen(undefined);
  }
}
