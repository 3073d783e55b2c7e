/** A peer for streams that keeps to no rules above yamux: it sends what open headers it likes, and shows the streams that come. */
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import { DialerHandshake } from "../../src/link/handshake.js";
import { Keyring } from "../../src/link/keyring.js";
import { openAsDialer } from "../../src/link/opening.js";
import { encodeOpenHeader, type OpenHeaderInit } from "../../src/stream/open-header.js";
import { Session } from "../../src/stream/session.js";
import { resolveSessionOptions } from "../../src/stream/session-options.js";
import type { YamuxStream } from "../../src/stream/yamux-stream.js";
import { NONCE_BYTES, PURPOSE } from "../../src/wire/hello.js";
import { type Cluster, hostOf, PORT } from "./cluster.js";

export class RawSession {
  readonly session: Session;
  /** What has come from the other side. */
  readonly offered: YamuxStream[] = [];
  closed = false;

  constructor(make: (handler: ConstructorParameters<typeof Session>[2]) => Session) {
    this.session = make({
      onStream: (stream) => {
        stream.on("error", () => {});
        this.offered.push(stream);
      },
      onUnavailable: () => {},
      onClose: () => {
        this.closed = true;
      },
    });
  }

  open(header: Partial<OpenHeaderInit> & Pick<OpenHeaderInit, "from" | "to">, rest: Uint8Array = new Uint8Array(0)): YamuxStream {
    const stream = this.session.open().on("error", () => {});
    stream.write(Buffer.concat([encodeOpenHeader({ remainingMs: 0, protocol: "default", metadata: {}, ...header }), rest]));
    return stream;
  }

  openRaw(bytes: Uint8Array): YamuxStream {
    const stream = this.session.open().on("error", () => {});
    stream.write(bytes);
    return stream;
  }
}

/** Dials `to` for streams as `from`, from a host of its own. */
export async function rawSession(cluster: Cluster, from: string, to: string): Promise<RawSession> {
  const { clock, network, random } = cluster;
  const address = parseAnyAddress(from);
  const dial = network.transport(`raw-${from}`).dial({ host: hostOf(to), port: PORT }, new AbortController().signal);
  const connection = await cluster.run(dial);
  const identity = { address, incarnation: 1n, cluster: "default", maxPayloadBytes: 4 * 1024 ** 2, software: "raw" };
  const facts = { isLoopback: false, identity: undefined, channelBinding: undefined, nonce: random.bytes(NONCE_BYTES) };
  const handshake = new DialerHandshake(identity, new Keyring([]), parseAnyAddress(to), PURPOSE.streams, facts);
  return await cluster.run(
    new Promise<RawSession>((resolve, reject) => {
      const onOpen = (_peer: unknown, rest: Buffer): void => {
        const options = resolveSessionOptions({ keepaliveMs: false });
        const raw = new RawSession((handler) => new Session(connection, "dialer", handler, options, { clock, random }));
        if (rest.length > 0) raw.session.onData(rest);
        resolve(raw);
      };
      openAsDialer(connection, handshake, clock, 1_000, onOpen, reject);
    }),
  );
}
