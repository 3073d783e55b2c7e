/** Two sessions with a network in memory between them, in real time. */
import { systemClock, systemRandom } from "../../../src/internal/system-clock.js";
import { Session, type SessionHandler } from "../../../src/stream/session.js";
import { resolveSessionOptions, type SessionOptions } from "../../../src/stream/session-options.js";
import type { YamuxStream } from "../../../src/stream/yamux-stream.js";
import { MemoryNetwork } from "../../../src/transport/memory.js";
import type { Connection } from "../../../src/transport/transport.js";
import { SeededRandom } from "../../support/seeded-random.js";

export interface SessionPair {
  readonly network: MemoryNetwork;
  readonly dialer: Session;
  readonly acceptor: Session;
  /** What each session's `onClose` was called with. */
  readonly closed: { dialer?: Error | undefined; acceptor?: Error | undefined };
}

export interface PairOptions {
  readonly options?: SessionOptions;
  readonly acceptorOptions?: SessionOptions;
  /** What becomes of a stream that the dialer opens. Default: it is accepted, and sends back what comes. */
  readonly onStream?: (stream: YamuxStream) => void;
  readonly socketBufferBytes?: number;
}

export function echo(stream: YamuxStream): void {
  stream.accept();
  stream.on("error", () => undefined).pipe(stream);
}

/** Sessions over a connection from host `a` to host `b`. */
export async function sessionPair({
  options,
  acceptorOptions = options,
  onStream = echo,
  socketBufferBytes,
}: PairOptions = {}): Promise<SessionPair> {
  const network = new MemoryNetwork({ clock: systemClock, random: new SeededRandom(1), socketBufferBytes, conditions: { latencyMs: 0 } });
  let accepted: Connection | undefined;
  const listener = await network.transport("b").listen({ host: "b", port: 0 }, (connection) => {
    accepted = connection;
  });
  const dialed = await network.transport("a").dial(listener.endpoint, new AbortController().signal);
  await listener.close();
  const closed: SessionPair["closed"] = {};
  const environment = { clock: systemClock, random: systemRandom };
  const handler = (side: "dialer" | "acceptor"): SessionHandler => ({
    onStream,
    onUnavailable: () => undefined,
    onClose: (error) => {
      closed[side] = error;
    },
  });
  return {
    network,
    dialer: new Session(dialed, "dialer", handler("dialer"), resolveSessionOptions(options), environment),
    acceptor: new Session(accepted!, "acceptor", handler("acceptor"), resolveSessionOptions(acceptorOptions), environment),
    closed,
  };
}
