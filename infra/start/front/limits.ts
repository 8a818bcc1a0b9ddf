/** How long a client may keep the front waiting, and how much of it a client may hold. */
export interface FrontLimits {
  /** Connections at a time, requests under way or not. */
  readonly connections: number;
  /** Bodies that are on their way at a time. The Worker holds some 100 kB for each of them. */
  readonly bodies: number;
  /** Requests that one connection may have sent ahead of the replies to those before them. */
  readonly pipelined: number;
  /** Milliseconds from a connection's start to the end of its first request's headers. */
  readonly headMs: number;
  /** How often `headMs` is looked at. */
  readonly checkMs: number;
  /** Milliseconds that an idle connection is promised to stay open; it stays a little longer, so that no client meets its end. */
  readonly idleMs: number;
  /** What a client must keep up while it sends a body, and while it reads a reply. */
  readonly sending: Rate;
  readonly reading: Rate;
  /** Milliseconds after which a client that asks whether to send its body is told to, if it has not been answered by then. */
  readonly continueMs: number;
  /** What is still read of a body after its reply: a client that is cut off while it sends may never see the reply. */
  readonly rest: { readonly ms: number; readonly bytes: number; readonly bytesOfStrangers: number };
}

export interface Rate {
  /** The longest wait for one byte. */
  readonly silenceMs: number;
  /** The least rate, once `graceMs` have been spent waiting. Time in which the server itself was not ready does not count. */
  readonly bytesPerSecond: number;
  readonly graceMs: number;
}

const MIB = 1 << 20;

export const FRONT_LIMITS: FrontLimits = {
  connections: 4096,
  bodies: 512,
  pipelined: 64,
  headMs: 20_000,
  checkMs: 2_000,
  // Longer than Go's clients keep an idle connection (90 s), the longest among the usual ones.
  idleMs: 120_000,
  sending: { silenceMs: 30_000, bytesPerSecond: 4096, graceMs: 60_000 },
  // The slowest that a person reads is some 20 bytes of events a second, but the buffers between hold minutes of them.
  reading: { silenceMs: 60_000, bytesPerSecond: 1024, graceMs: 120_000 },
  continueMs: 200,
  rest: { ms: 30_000, bytes: 256 * MIB, bytesOfStrangers: 4 * MIB },
};
