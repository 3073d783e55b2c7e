/** A peer that keeps to no rules behind the opening: it writes what bytes it likes, and shows the frames that come. */
import { type LogicalAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import { asBuffer } from "../../src/internal/as-buffer.js";
import { DialerHandshake } from "../../src/link/handshake.js";
import { Keyring } from "../../src/link/keyring.js";
import { openAsDialer } from "../../src/link/opening.js";
import type { Connection } from "../../src/transport/transport.js";
import { FrameReader } from "../../src/wire/frame-reader.js";
import { decodeHeader, encodeFrame, type FrameHeader } from "../../src/wire/header.js";
import { NONCE_BYTES, PURPOSE } from "../../src/wire/hello.js";
import { HEADER_BYTES } from "../../src/wire/limits.js";
import { type Cluster, hostOf, PORT } from "./cluster.js";

export interface RawFrame extends FrameHeader {
  readonly body: Buffer;
}

export class RawPeer {
  readonly address: LogicalAddress;
  readonly to: LogicalAddress;
  readonly frames: RawFrame[] = [];
  closed = false;
  readonly #connection: Connection;

  constructor(address: LogicalAddress, to: LogicalAddress, connection: Connection, rest: Buffer) {
    this.address = address;
    this.to = to;
    this.#connection = connection;
    const reader = new FrameReader((buffer: Uint8Array, start: number, end: number) => {
      this.frames.push({ ...decodeHeader(buffer, start), body: Buffer.from(buffer.subarray(start + HEADER_BYTES, end)) });
    });
    connection.setHandler({
      onData: (chunk) => reader.push(asBuffer(chunk)),
      onDrain: () => {},
      onClose: () => {
        this.closed = true;
      },
    });
    if (rest.length > 0) reader.push(rest);
  }

  send(header: Partial<FrameHeader>, body: Uint8Array = new Uint8Array(0)): void {
    const defaults = { kind: 0, flags: 0, hops: 4, to: this.to, from: this.address, epoch: 1, seq: 1, remainingMs: 5_000 };
    this.write(encodeFrame({ ...defaults, ...header }, body));
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  destroy(): void {
    this.#connection.destroy();
  }
}

/** Opens a connection to `to` as `from`, `0` for an anonymous tool, from a host of its own. */
export async function rawPeer(cluster: Cluster, from: string | 0, to: string, secrets: readonly string[] = []): Promise<RawPeer> {
  const { clock, network, random } = cluster;
  const address = from === 0 ? (0 as LogicalAddress) : parseAnyAddress(from);
  const target = parseAnyAddress(to);
  const dial = network.transport(`raw-${from}`).dial({ host: hostOf(to), port: PORT }, new AbortController().signal);
  const connection = await cluster.run(dial);
  const identity = { address, incarnation: 1n, cluster: "default", maxPayloadBytes: 4 * 1024 ** 2, software: "raw" };
  const facts = { isLoopback: false, identity: undefined, channelBinding: undefined, nonce: random.bytes(NONCE_BYTES) };
  const handshake = new DialerHandshake(identity, new Keyring(secrets), target, PURPOSE.messages, facts);
  return await cluster.run(
    new Promise<RawPeer>((resolve, reject) => {
      openAsDialer(connection, handshake, clock, 1_000, (_peer, rest) => resolve(new RawPeer(address, target, connection, rest)), reject);
    }),
  );
}
