// A master's side of its daemon: the link, what the daemon asks.
import { FrameKind, openParentLink, Peer, VhostError } from '@vhostd/protocol';
import type { DaemonToMaster, LinkEnd, MasterToDaemon } from '@vhostd/protocol';

export type DaemonPeer = Peer<MasterToDaemon, DaemonToMaster>;

/** The peer of the daemon that forked this process; `undefined` when nobody of ours did. */
export function connectDaemon(onEnd: (end: LinkEnd) => void): DaemonPeer | undefined {
  const link = openParentLink();
  if (link === undefined) return undefined;
  const peer: DaemonPeer = new Peer(link, { onViolation: () => link.close() });
  link.start({
    onFrame: (frame) => {
      if (frame.kind === FrameKind.message) peer.receive(frame);
      else frame.handle?.close();
    },
    onEnd: (end) => {
      peer.end(new VhostError('ERR_CALL_LOST', 'the daemon is gone'));
      onEnd(end);
    },
  });
  return peer;
}
