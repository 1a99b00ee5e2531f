// Two peers over links within one process, with a map of messages to test with.
import { VhostError } from '@vhostd/protocol';
import { fakeLinks } from './fake-link.test.kit.js';
import type { FakeLink } from './fake-link.test.kit.js';
import { Peer } from './peer.js';
import type { PeerOptions } from './peer.js';

/** What the asking end asks. */
export type Questions = {
  add: { params: { a: number; b: number }; result: number };
  anything: { params: unknown; result: unknown };
  take: { params: null; result: string };
  told: { params: string; result: null };
};

/** What the answering end asks: something that no test asks. */
export type NoQuestions = { nothing: { params: null; result: null } };

export interface PeerPair {
  asking: Peer<Questions, NoQuestions>;
  answering: Peer<NoQuestions, Questions>;
  here: FakeLink;
  there: FakeLink;
  violations: string[];
  noticeErrors: [code: string, method: string][];
}

export function peerPair(options: Partial<PeerOptions> = {}): PeerPair {
  const [here, there] = fakeLinks();
  const violations: string[] = [];
  const noticeErrors: [string, string][] = [];
  const all: PeerOptions = {
    name: 'the other end',
    onViolation: (detail) => violations.push(detail),
    onNoticeError: (error, method) =>
      noticeErrors.push([error instanceof VhostError ? error.code : String(error), method]),
    ...options,
  };
  const asking = new Peer<Questions, NoQuestions>(here, all);
  const answering = new Peer<NoQuestions, Questions>(there, all);
  asking.start();
  answering.start();
  return { asking, answering, here, there, violations, noticeErrors };
}

/** Lets the event loop turn once. */
export async function turn(): Promise<void> {
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
}
