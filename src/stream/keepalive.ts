/** When to ping, and when a session is dead: a pure function of times. Any byte from the peer counts as life. */

export interface KeepaliveTimes {
  readonly lastReadAt: number;
  readonly lastWriteAt: number;
  /** When the ping that is not answered yet was sent; `undefined`: none is out. */
  readonly pingSentAt: number | undefined;
  /** When the last answer came, or the session began. */
  readonly lastPongAt: number;
}

export interface KeepaliveLimits {
  /** Milliseconds of silence until the peer is pinged; `false`: never. */
  readonly keepaliveMs: number | false;
  readonly keepaliveTimeoutMs: number;
  readonly unansweredMs: number;
}

/** `"silent"`: not a byte for too long; `"unanswered"`: bytes come, but not the answer to a ping: ours may get nowhere. */
export type KeepaliveVerdict = "fine" | "ping" | "silent" | "unanswered";

export function keepaliveVerdict(times: KeepaliveTimes, limits: KeepaliveLimits, now: number): KeepaliveVerdict {
  const { lastReadAt, lastWriteAt, pingSentAt, lastPongAt } = times;
  if (limits.keepaliveMs === false) return "fine";
  if (pingSentAt !== undefined) {
    // What was on its way when the connection died comes behind the ping: the time for the answer begins with the last of it.
    if (now - Math.max(pingSentAt, lastReadAt) >= limits.keepaliveTimeoutMs) return "silent";
    return now - pingSentAt >= limits.unansweredMs / 2 ? "unanswered" : "fine";
  }
  if (now - lastReadAt >= limits.keepaliveMs) return "ping";
  return lastWriteAt > lastPongAt && now - lastPongAt >= limits.unansweredMs / 2 ? "ping" : "fine";
}

/** What the session was given up for. */
export function describeDeath(verdict: "silent" | "unanswered", times: KeepaliveTimes, now: number): string {
  if (verdict === "silent") return `no byte for ${Math.round(now - times.lastReadAt)} ms and no answer to a ping`;
  return `bytes arrive but a ping is unanswered for ${Math.round(now - (times.pingSentAt ?? now))} ms`;
}
