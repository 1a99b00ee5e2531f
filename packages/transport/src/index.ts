export { CONNECTION_HEADER_BYTES, FrameKind } from './link/frame.js';
export type { Frame } from './link/frame.js';
export {
  decodeHandBack,
  decodeHandBackAnswer,
  encodeHandBack,
  encodeHandBackAnswer,
} from './link/hand-back.js';
export type { HandBack, HandBackAnswer } from './link/hand-back.js';
export { forkWithLink, LINK_VARIABLE, openParentLink } from './link/fork-link.js';
export type { ForkLinkOptions } from './link/fork-link.js';
export { forkDaemon, readTakeoverInfo } from './link/fork-daemon.js';
export { DEFAULT_LINK_LIMITS } from './link/link.js';
export type { Link, LinkEnd, LinkLimits, LinkReceiver } from './link/link.js';
export { chooseLink } from './link/self-test.js';
export type { LinkChoice, LinkWish } from './link/self-test.js';
export type { AddressRecord, NativeHandle } from './node/native-handle.js';
export { AnswerWithHandle, Peer } from './peer/peer.js';
export type { MessageMap, Passenger, PeerOptions, RequestContext, RequestOptions } from './peer/peer.js';
export { CallRegistry, withCallback } from './calls/call-registry.js';
export type { CallCallback, CallContext, CallHandler } from './calls/call-registry.js';
export { parseCall } from './calls/parse-call.js';
export { packSocket, unpackSocket } from './calls/socket-passenger.js';
export type { PackedSocket } from './calls/socket-passenger.js';
export { callArguments } from './calls/call-options.js';
export type { CallOptions } from './calls/call-options.js';
