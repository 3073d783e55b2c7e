/** Limits and timing of one yamux session. */
import type { Resolved } from "../internal/resolved.js";
import { MAX_TIMER_MS } from "../internal/timer-limit.js";

import { MAX_U32, STANDARD_WINDOW_BYTES } from "./frame.js";

export interface SessionOptions {
  /**
   * Bytes that either side may send on a new stream without a word: 262,144 by the specification, anything that both sides
   * have agreed on otherwise. Default 262,144.
   */
  initialWindowBytes?: number | undefined;
  /** Bytes of one stream that may wait here to be read; what is above `initialWindowBytes` is announced as the stream opens. Default: the same. */
  windowBytes?: number | undefined;
  /** Bytes of all streams that may wait here to be read; past it the stream of which the most has waited the longest is reset. Default 64 MiB. */
  maxUnreadBytes?: number | undefined;
  /** Streams at once, of both sides together; past it opening fails, and the peer's are refused. Default 65,536. */
  maxStreams?: number | undefined;
  /** Streams of the peer that wait to be accepted; further ones are refused. Default 256. */
  acceptBacklog?: number | undefined;
  /** Own streams of which the peer has been told and that it has not acknowledged; further ones are held. Default 256. */
  maxUnacknowledged?: number | undefined;
  /** Own streams that are held until the peer may be told; past it opening fails. Default 16,384. */
  maxHeldOpens?: number | undefined;
  /** Milliseconds until a stream that nobody has acknowledged fails, on either side. Default 30,000. */
  openTimeoutMs?: number | undefined;
  /** Bytes that a stream takes from its writer before `write()` returns false. Default 64 KiB. */
  highWaterBytes?: number | undefined;
  /** Milliseconds without a byte from the peer until it is pinged; `false`: never. Default 15,000. */
  keepaliveMs?: number | false | undefined;
  /** Milliseconds for the answer; after that the session is lost. Default 5,000. */
  keepaliveTimeoutMs?: number | undefined;
  /** Milliseconds after which a session is lost on which bytes arrive but pings stay unanswered. Default 60,000. */
  unansweredMs?: number | undefined;
  /** Milliseconds that an ending session gives its last bytes to leave. Default 2,000. */
  lingerMs?: number | undefined;
  /** The first stream's id: odd for the dialer, even for the acceptor. Default 1, or 2. One near 2^32 is for tests. */
  firstStreamId?: number | undefined;
}

export type ResolvedSessionOptions = Resolved<Omit<SessionOptions, "firstStreamId">> & { readonly firstStreamId: number | undefined };

/** Checks and fills in. @throws RangeError naming the first option that is wrong. */
export function resolveSessionOptions(options: SessionOptions = {}): ResolvedSessionOptions {
  const initialWindowBytes = options.initialWindowBytes ?? STANDARD_WINDOW_BYTES;
  const resolved = {
    initialWindowBytes: whole("initialWindowBytes", initialWindowBytes, 1, MAX_U32),
    windowBytes: whole("windowBytes", options.windowBytes ?? initialWindowBytes, initialWindowBytes, MAX_U32),
    maxUnreadBytes: whole("maxUnreadBytes", options.maxUnreadBytes ?? 64 * 1024 ** 2, 1),
    maxStreams: whole("maxStreams", options.maxStreams ?? 65_536, 1),
    acceptBacklog: whole("acceptBacklog", options.acceptBacklog ?? 256, 1),
    maxUnacknowledged: whole("maxUnacknowledged", options.maxUnacknowledged ?? 256, 1),
    maxHeldOpens: whole("maxHeldOpens", options.maxHeldOpens ?? 16_384, 0),
    openTimeoutMs: whole("openTimeoutMs", options.openTimeoutMs ?? 30_000, 1, MAX_TIMER_MS),
    highWaterBytes: whole("highWaterBytes", options.highWaterBytes ?? 64 * 1024, 1),
    keepaliveMs: options.keepaliveMs === false ? false : whole("keepaliveMs", options.keepaliveMs ?? 15_000, 1, MAX_TIMER_MS),
    keepaliveTimeoutMs: whole("keepaliveTimeoutMs", options.keepaliveTimeoutMs ?? 5_000, 1, MAX_TIMER_MS),
    unansweredMs: whole("unansweredMs", options.unansweredMs ?? 60_000, 1, MAX_TIMER_MS),
    lingerMs: whole("lingerMs", options.lingerMs ?? 2_000, 1, MAX_TIMER_MS),
    firstStreamId: options.firstStreamId,
  } as const;
  return Object.freeze(resolved);
}

function whole(name: string, value: number, least: number, most: number = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} is a whole number from ${least} to ${most}, got ${value}`);
}
