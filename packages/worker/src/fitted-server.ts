// The site's server with all that this worker puts on it: who may ask it what, what answers in its place, what of its
// connections can move, and how they end. Another server of the site is fitted anew.
import type { Server } from 'node:net';
import type { WorkerIdentity } from '@vhostd/protocol';
import { Drain } from './drain/drain.js';
import { Http2Sessions } from './drain/http2-sessions.js';
import { WebSockets } from './drain/web-sockets.js';
import type { Intake } from './intake/intake.js';
import { MaintenanceGate } from './maintenance/maintenance-gate.js';
import { HttpConnections } from './node/http-connections.js';
import type { TriedNode } from './node/tried-node.js';
import type { HandBacks } from './rehome/hand-backs.js';
import type { SiteHosts } from './rehome/host-claims.js';
import { HostCheck } from './rehome/host-check.js';
import { Migration } from './rehome/migration.js';
import type { Refusals } from './rehome/refusals.js';
import { Rerouting } from './rehome/rerouting.js';
import type { Handshakes } from './tls/handshakes.js';

/** What stays when the site's server changes. */
export interface ServerParts {
  readonly identity: WorkerIdentity;
  readonly node: TriedNode;
  readonly intake: Intake;
  readonly handBacks: HandBacks;
  readonly handshakes: Handshakes;
  readonly hosts: SiteHosts;
  readonly refusals: Refusals;
  /** Whether this worker ends its connections. */
  isDraining(): boolean;
  /** Whether the app hears that it is to end, and then closes its server by itself. */
  endsItself(): boolean;
}

export class FittedServer {
  readonly server: Server;
  /** What answers requests in place of the site. */
  readonly gate: MaintenanceGate;
  readonly #parts: ServerParts;
  readonly #sessions: Http2Sessions;
  readonly #webSockets: WebSockets;

  constructor(server: Server, parts: ServerParts) {
    this.server = server;
    this.#parts = parts;
    this.#sessions = new Http2Sessions(server);
    this.#webSockets = new WebSockets(server);
    this.gate = new MaintenanceGate(server);
  }

  /** Looks at every request from now on: what is not the site's is not its app's. */
  checkHosts(): HostCheck {
    const { identity, node, intake, handBacks, hosts, refusals } = this.#parts;
    return new HostCheck(this.server, {
      hosts,
      healthPath: identity.healthPath,
      originOf: (connection) => intake.originOf(connection),
      isLeaving: () => this.#parts.isDraining(),
      endSession: (session) => this.#sessions.close(session),
      rerouting: identity.fenced !== true && node.movesIdle ? new Rerouting(handBacks, refusals) : undefined,
      refusals,
    });
  }

  /** How its idle connections leave it; nothing moves from a server that speaks no HTTP/1, or under a Node that works otherwise than is known. */
  migration(): Migration | undefined {
    const { node, intake, handBacks } = this.#parts;
    const connections = HttpConnections.of(this.server);
    if (connections === undefined || !node.movesIdle) return undefined;
    return new Migration({
      connections,
      handBacks,
      headerOf: (socket) => intake.headerOf(socket),
      readopt: (connection) => intake.readopt(connection),
    });
  }

  /** Begins to end its connections; `handBack`: other workers take over. */
  drain(limitMs: number, handBack: boolean): Drain {
    const { node, intake, handBacks, handshakes } = this.#parts;
    const known = node.movesIdle;
    return new Drain({
      server: this.server,
      limitMs,
      connectionCount: () => intake.connectionCount(),
      handBack,
      migration: handBack ? this.migration() : undefined,
      handBacks,
      handshakes,
      sessions: this.#sessions,
      webSockets: this.#webSockets,
      gate: this.gate,
      canLinger: (socket) => known && intake.headerOf(socket) !== undefined,
      onEnd: () => intake.refuse(),
      keepsOpen: () => this.#parts.endsItself(),
    });
  }
}
