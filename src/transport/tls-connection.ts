/**
 * A connection that becomes a TLS one when its owner begins to use it, by its first handler, write or end: nothing is
 * computed before, so that whoever counts openings has counted this one before it costs anything.
 *
 *     new --used--> securing --peer believed--> secure
 *      |               | plain text, not believed, failed, lost
 *      +--------> closed
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { formatEndpoint, isLoopbackHost } from "../addr/endpoint.js";
import type { Clock } from "../internal/clock.js";
import { resetSocket } from "../internal/reset-socket.js";
import { type PeerCredentials, SocketConnection, unmapped } from "./socket-connection.js";
import type { TlsError } from "./tls-error.js";
import type { Connection, ConnectionHandler, PeerIdentity } from "./transport.js";

/** How one side's handshake ended. */
export type SecuringOutcome =
  | { readonly type: "secure"; readonly socket: TLSSocket; readonly peer: PeerCredentials }
  /** The peer is not spoken to. `socket` can still carry last words: encrypted ones, or plain ones to who speaks plain text. */
  | { readonly type: "refused"; readonly error: TlsError; readonly socket: Socket; readonly said: Uint8Array | undefined }
  /** There is nobody to say anything to. Without an error of TLS the connection was lost, and its own end says how. */
  | { readonly type: "failed"; readonly error: TlsError | undefined };

/** One side's handshake over `raw`, which is paused. Calls `done` at most once, never at once; not when `raw` just closes. */
export type Securing = (raw: Socket, done: (outcome: SecuringOutcome) => void) => void;

export interface TlsConnectionEnvironment {
  readonly clock: Clock;
  /** Last words for a peer that is refused. `said` is what it has said, in plain text. */
  refusal(error: TlsError, said: Uint8Array | undefined): Uint8Array;
}

/** Longest time for a refused peer to take its last words. */
const LINGER_MS = 1_000;

type State =
  | { readonly phase: "new" }
  | { readonly phase: "securing" }
  | { readonly phase: "secure"; readonly inner: SocketConnection }
  | { readonly phase: "closed"; readonly reason: Error | undefined };

export class TlsConnection implements Connection {
  readonly remote: string;
  readonly isLoopback: boolean;
  readonly #raw: Socket;
  readonly #securing: Securing;
  readonly #env: TlsConnectionEnvironment;
  #state: State = { phase: "new" };
  #peer: PeerCredentials = { identity: undefined, channelBinding: undefined };
  #handler: ConnectionHandler | undefined;
  /** What was written before the peer is known: it leaves when the peer is believed, or never. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #endWanted = false;
  /** Set by `destroy()`: what `onClose` will say. */
  #destroyed: { readonly reason: Error | undefined } | undefined;

  constructor(raw: Socket, securing: Securing, env: TlsConnectionEnvironment) {
    const host = unmapped(raw.remoteAddress ?? "");
    this.remote = formatEndpoint({ host, port: raw.remotePort ?? 0 });
    this.isLoopback = isLoopbackHost(host);
    this.#raw = raw;
    this.#securing = securing;
    this.#env = env;
    raw.setNoDelay(true);
    raw.on("error", ignore); // "close" follows each error, with the error in `errored`
    if (raw.closed) this.#onRawClosed();
    else raw.once("close", () => this.#onRawClosed());
  }

  /** Known from the first `onData` on. */
  get identity(): PeerIdentity | undefined {
    return this.#peer.identity;
  }

  get channelBinding(): Uint8Array | undefined {
    return this.#peer.channelBinding;
  }

  get bufferedBytes(): number {
    return this.#state.phase === "secure" ? this.#state.inner.bufferedBytes : this.#queuedBytes;
  }

  setHandler(handler: ConnectionHandler): void {
    const isFirst = this.#handler === undefined;
    this.#handler = handler;
    const state = this.#state;
    if (state.phase === "new") this.#begin();
    else if (state.phase === "secure") state.inner.setHandler(handler);
    else if (state.phase === "closed" && isFirst) process.nextTick(() => this.#handler!.onClose(state.reason));
  }

  write(bytes: Uint8Array): boolean {
    const state = this.#state;
    if (state.phase === "secure") return state.inner.write(bytes);
    if (state.phase === "closed" || this.#destroyed !== undefined || this.#endWanted) return true;
    if (bytes.byteLength === 0) return this.#queuedBytes === 0;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    if (state.phase === "new") this.#begin();
    return false;
  }

  end(): void {
    this.#endWanted = true;
    if (this.#state.phase === "secure") this.#state.inner.end();
    else if (this.#state.phase === "new") this.#begin();
  }

  destroy(error?: Error): void {
    const state = this.#state;
    if (state.phase === "secure") return state.inner.destroy(error);
    if (state.phase === "closed" || this.#destroyed !== undefined) return;
    this.#destroyed = { reason: error };
    this.#dropQueue();
    resetSocket(this.#raw);
  }

  #begin(): void {
    this.#state = { phase: "securing" };
    if (this.#destroyed === undefined) this.#securing(this.#raw, (outcome) => this.#onOutcome(outcome));
  }

  #onOutcome(outcome: SecuringOutcome): void {
    if (this.#state.phase !== "securing" || this.#destroyed !== undefined) {
      if (outcome.type === "secure") outcome.socket.destroy();
      return;
    }
    switch (outcome.type) {
      case "secure":
        return this.#onSecure(outcome.socket, outcome.peer);
      case "refused":
        this.#partWith(outcome.socket, this.#env.refusal(outcome.error, outcome.said));
        return this.#close(outcome.error);
      case "failed":
        this.#raw.destroy();
        return this.#close(outcome.error ?? this.#raw.errored ?? undefined);
      default:
        outcome satisfies never;
    }
  }

  #onSecure(socket: TLSSocket, peer: PeerCredentials): void {
    this.#peer = peer;
    const inner = new SocketConnection(socket, peer, this.#raw);
    const queue = this.#queue;
    this.#dropQueue();
    this.#state = { phase: "secure", inner };
    if (this.#handler !== undefined) inner.setHandler(this.#handler);
    for (const bytes of queue) inner.write(bytes);
    if (this.#endWanted) inner.end();
  }

  /** Last words, then the end; whoever does not take them soon is cut off. Keeps no process alive. */
  #partWith(socket: Socket, lastWords: Uint8Array): void {
    const timer = this.#env.clock.setTimeout(() => this.#raw.destroy(), LINGER_MS);
    this.#raw.once("close", () => this.#env.clock.clearTimeout(timer));
    this.#raw.unref();
    socket.on("error", ignore);
    socket.resume(); // what was on its way is read, or the system would answer it with a reset that overtakes these words
    socket.end(lastWords);
  }

  #onRawClosed(): void {
    // Once secure, the TLS socket closes with it, behind what has still arrived.
    if (this.#state.phase === "secure") return;
    if (this.#destroyed !== undefined) this.#close(this.#destroyed.reason);
    else this.#close(this.#raw.errored ?? undefined);
  }

  #close(reason: Error | undefined): void {
    if (this.#state.phase === "closed") return;
    this.#dropQueue();
    this.#state = { phase: "closed", reason };
    this.#handler?.onClose(reason);
  }

  #dropQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }
}

function ignore(): void {}
