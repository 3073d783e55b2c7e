/** A Node.js socket as a {@link Connection}; what TCP and TLS have in common. */
import type { Socket } from "node:net";
import { formatEndpoint, isLoopbackHost } from "../addr/endpoint.js";
import { countRead } from "../internal/bulk-memory.js";
import { resetSocket } from "../internal/reset-socket.js";
import type { Connection, ConnectionHandler, PeerIdentity } from "./transport.js";

/** What the transport knows of the peer beyond its network address: nothing for plain TCP. */
export interface PeerCredentials {
  readonly identity: PeerIdentity | undefined;
  readonly channelBinding: Uint8Array | undefined;
}

/**
 * Wraps a connected, paused socket. It stays paused until there is a handler: what arrives before waits in the kernel and
 * holds the peer back. When the peer ends, what is buffered here still leaves, this side ends too, then comes `onClose`;
 * the peer may take as long as it likes to read it, so an owner that must not wait calls `destroy()`.
 *
 * What is written after `end()`, after `destroy()`, or after the peer has ended goes nowhere: `onClose` tells.
 */
export class SocketConnection implements Connection {
  readonly remote: string;
  readonly isLoopback: boolean;
  readonly identity: PeerIdentity | undefined;
  readonly channelBinding: Uint8Array | undefined;
  readonly #socket: Socket;
  /** What the bytes travel over: the socket itself, or the TCP one below a TLS one. */
  readonly #carrier: Socket;
  #handler: ConnectionHandler | undefined;
  #phase: "open" | "destroyed" | "closed" = "open";
  #drainOwed = false;
  #closeReason: Error | undefined;

  constructor(socket: Socket, credentials: PeerCredentials, carrier: Socket = socket) {
    const host = unmapped(carrier.remoteAddress ?? "");
    this.remote = formatEndpoint({ host, port: carrier.remotePort ?? 0 });
    this.isLoopback = isLoopbackHost(host);
    this.identity = credentials.identity;
    this.channelBinding = credentials.channelBinding;
    this.#socket = socket;
    this.#carrier = carrier;
    // One call that sets it for dialed and accepted sockets alike: Nagle's delay costs up to 40 ms a call.
    carrier.setNoDelay(true);
    socket.on("error", ignore); // until the socket is gone; "close" follows each error, with the error in `errored`
    if (socket.closed) this.#closed();
    else socket.once("close", () => this.#closed());
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  setHandler(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    if (!isFirst) return;
    if (this.#phase === "closed") {
      process.nextTick(() => this.#deliverClose());
      return;
    }
    // Without `onread`, Node.js gives each chunk memory of its own and does not touch it again. Chunks come in later ticks.
    this.#socket.on("data", (chunk: Buffer) => {
      countRead(chunk.length);
      if (this.#phase === "open") this.#handler!.onData(chunk);
    });
    this.#socket.resume();
  }

  /** True without a copy: Node.js tries to write at once, and when the kernel took all of it nothing refers to `bytes` any more. */
  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (this.#phase !== "open" || socket.destroyed || socket.writableEnded) return true;
    if (bytes.byteLength > 0) socket.write(bytes, this.#written);
    if (socket.writableLength === 0) return true;
    this.#drainOwed = true;
    return false;
  }

  end(): void {
    this.#socket.end();
  }

  /**
   * Closes with a reset, so that the kernel too forgets what a dead or slow peer has not taken; `end()` is for last words.
   * A live peer sees ECONNRESET, or an end when the reset reaches it behind unread bytes.
   */
  destroy(error?: Error): void {
    if (this.#phase !== "open") return;
    this.#phase = "destroyed";
    this.#closeReason = error;
    resetSocket(this.#carrier, this.#socket);
  }

  readonly #written = (): void => {
    if (!this.#drainOwed || this.#phase !== "open" || this.#socket.destroyed || this.#socket.writableLength > 0) return;
    this.#drainOwed = false;
    this.#handler?.onDrain();
  };

  #closed(): void {
    if (this.#phase === "open") this.#closeReason = this.#socket.errored ?? undefined;
    this.#phase = "closed";
    if (this.#handler !== undefined) this.#deliverClose();
  }

  #deliverClose(): void {
    this.#handler!.onClose(this.#closeReason);
  }
}

function ignore(): void {}

/** IPv4 peers of a socket that listens on `::` appear as `::ffff:10.0.1.7`. */
export function unmapped(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
