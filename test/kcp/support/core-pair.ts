/** Two cores, and what they send to each other, in the hands of the test. */
import { KcpCore, type KcpCoreOptions, type KcpCoreStart } from "../../../src/kcp/kcp-core.js";
import { readSegment, Segment } from "../../../src/kcp/segment.js";

export const CONVERSATION = 0x11223344;

const CORE_OPTIONS: KcpCoreOptions = {
  mode: "stream",
  noDelay: true,
  intervalMs: 10,
  resend: 2,
  congestionControl: false,
  sendWindow: 32,
  receiveWindow: 32,
  mtu: 1_400,
  deadLink: 20,
  maxMessageBytes: 30_000,
  tellEnds: true,
  acknowledge: "turn",
};

export function coreWith(options: Partial<KcpCoreOptions> = {}, start: Partial<KcpCoreStart> = {}): KcpCore {
  return new KcpCore(CONVERSATION, { ...CORE_OPTIONS, ...options }, { now: 0, ...start });
}

/** What `core` sends at `now`, as often as it wants to at that time. */
export function flushed(core: KcpCore, now: number): Buffer[] {
  const datagrams: Buffer[] = [];
  do core.flush(now, (datagram) => datagrams.push(datagram));
  while (core.nextUpdateAt(now) <= now);
  return datagrams;
}

/** Segments of datagrams, one object each. */
export function segmentsOf(datagrams: readonly Buffer[]): Segment[] {
  return datagrams.flatMap((datagram) => {
    const segments: Segment[] = [];
    for (let offset = 0; offset < datagram.length; offset = segments.at(-1)!.end) {
      const segment = new Segment();
      readSegment(datagram, offset, segment);
      segments.push(segment);
    }
    return segments;
  });
}

/** Moves everything both ways at `now` until both are silent. */
export function settle(a: KcpCore, b: KcpCore, now: number): void {
  for (let moved = 1; moved > 0; ) {
    const [fromA, fromB] = [flushed(a, now), flushed(b, now)];
    for (const datagram of fromA) b.input(datagram, now);
    for (const datagram of fromB) a.input(datagram, now);
    moved = fromA.length + fromB.length;
  }
}

export function readAll(core: KcpCore): Buffer[] {
  const got: Buffer[] = [];
  for (let next = core.receive(); next !== undefined; next = core.receive()) got.push(next);
  return got;
}
