/** One end of an in-memory connection. */
import type { Clock, Random } from "../internal/clock.js";
import type { MemoryHost } from "./memory-host.js";
import type { Direction, Lane, Packet } from "./memory-lane.js";
import { Outflow } from "./memory-outflow.js";
import type { PeerCredentials } from "./socket-connection.js";
import { systemError } from "./system-error.js";
import type { Connection, ConnectionHandler, PeerIdentity } from "./transport.js";

/** What all ends of a network share. */
export interface MemoryEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** The most that is under way and unread in one direction of a connection. */
  readonly socketBufferBytes: number;
}

export interface MemoryPeer extends PeerCredentials {
  readonly remote: string;
  readonly isLoopback: boolean;
}

/** `"gone"`: the host has crashed with this end; its handler hears nothing more, until it is destroyed on the spot. */
type Phase = "open" | "closed" | "gone";

export class MemoryConnection implements Connection {
  readonly remote: string;
  readonly isLoopback: boolean;
  readonly identity: PeerIdentity | undefined;
  readonly channelBinding: Uint8Array | undefined;
  readonly #clock: Clock;
  readonly #host: MemoryHost;
  readonly #outgoing: Lane;
  readonly #incoming: Direction;
  readonly #outflow: Outflow;
  readonly #onLeft: (end: MemoryConnection) => void;
  #handler: ConnectionHandler | undefined;
  #phase: Phase = "open";
  #closeReason: Error | undefined;
  /** Arrived and not read. Bounded by the peer's socket buffer. */
  readonly #inbox: Buffer[] = [];
  #isDelivering = false;
  #endArrived = false;
  #endRead = false;
  #endSent = false;

  /** `onLeft` is called when this end is gone, and when it is closed. */
  constructor(host: MemoryHost, outgoing: Lane, incoming: Direction, peer: MemoryPeer, onLeft: (end: MemoryConnection) => void) {
    this.remote = peer.remote;
    this.isLoopback = peer.isLoopback;
    this.identity = peer.identity;
    this.channelBinding = peer.channelBinding;
    const { clock, random, socketBufferBytes } = host.environment;
    this.#host = host;
    this.#clock = clock;
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#onLeft = onLeft;
    this.#outflow = new Outflow(outgoing, clock, random, socketBufferBytes, {
      drained: () => this.#handler?.onDrain(),
      ended: () => {
        this.#endSent = true;
        this.#closeWhenBothEnded();
      },
    });
  }

  get phase(): Phase {
    return this.#phase;
  }

  get bufferedBytes(): number {
    return this.#outflow.bufferedBytes;
  }

  setHandler(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    if (this.#phase === "closed") this.#clock.afterTurn(() => this.#deliverClose());
    else this.#clock.afterTurn(() => this.read());
  }

  write(bytes: Uint8Array): boolean {
    return this.#outflow.write(bytes);
  }

  end(): void {
    this.#outflow.end();
  }

  /** The peer gets a reset, behind what has left already. */
  destroy(error?: Error): void {
    if (this.#phase === "open") this.#outgoing.send({ type: "reset" });
    this.close(error);
  }

  /** Closes this end; the other is not told. */
  close(error: Error | undefined): void {
    if (this.#phase === "closed") return;
    this.#leave("closed");
    this.#closeReason = error;
    if (this.#handler !== undefined) this.#clock.afterTurn(() => this.#deliverClose());
  }

  /** This end is no more, and neither side is told. */
  vanish(): void {
    if (this.#phase === "open") this.#leave("gone");
  }

  arrived(packet: Packet): void {
    if (this.#phase !== "open") return;
    if (packet.type === "data") this.#inbox.push(packet.bytes);
    else if (packet.type === "end") this.#endArrived = true;
    else if (packet.type === "credit") this.#outflow.credit(packet.byteCount);
    else if (packet.type === "reset") this.close(systemError("ECONNRESET", `connection to ${this.remote} was reset`));
    this.read();
  }

  /** Hands over what has arrived, as long as there is somebody who reads. */
  read(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    try {
      while (this.#isReading && this.#inbox.length > 0) {
        const chunk = this.#nextChunk();
        this.#outgoing.send({ type: "credit", byteCount: chunk.length });
        this.#handler!.onData(chunk);
      }
    } finally {
      this.#isDelivering = false;
    }
    if (!this.#isReading || !this.#endArrived || this.#endRead || this.#inbox.length > 0) return;
    this.#endRead = true;
    this.#outflow.end();
    this.#closeWhenBothEnded();
  }

  get #isReading(): boolean {
    return this.#phase === "open" && this.#handler !== undefined && this.#incoming.conditions.receiverReads && !this.#host.isFrozen;
  }

  /** What piled up while nobody read comes in chunks as large as allowed. */
  #nextChunk(): Buffer {
    let count = 1;
    let byteCount = this.#inbox[0]!.length;
    while (count < this.#inbox.length) {
      byteCount += this.#inbox[count]!.length;
      if (byteCount > this.#incoming.conditions.maxChunkBytes) break;
      count++;
    }
    const pieces = this.#inbox.splice(0, count);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  #closeWhenBothEnded(): void {
    if (this.#endRead && this.#endSent && this.#phase === "open") this.close(undefined);
  }

  #leave(phase: "closed" | "gone"): void {
    this.#phase = phase;
    this.#outflow.abandon();
    this.#inbox.length = 0;
    this.#onLeft(this);
  }

  #deliverClose(): void {
    this.#handler!.onClose(this.#closeReason);
  }
}
