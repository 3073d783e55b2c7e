/** One client's life at the gateway: accepted, connected to a backend, piped, gone. */

import { formatAddress } from "../addr/logical-address.js";
import { countRead } from "../internal/bulk-memory.js";
import { messageOf } from "../internal/message-of.js";
import type { BackendStream, StreamOpener } from "./backend-stream.js";
import { type CloseCause, goodbyeFor } from "./close-cause.js";
import type { ClientConnection, Goodbye } from "./listen/listener.js";
import { Patience } from "./patience.js";
import { type AcceptedClient, type ResolvedPipeOptions, refusalOf } from "./pipe-options.js";
import type { ClientStatus } from "./status.js";

/** What a session needs of its gateway. */
export interface SessionHost {
  readonly node: StreamOpener;
  readonly options: ResolvedPipeOptions;
  /** Its stream to a backend is open; again when a first one was lost before any byte went over it. */
  onOpened(session: ClientSession, stream: BackendStream): void;
  onRetry(): void;
  /** Connection and stream are gone. Exactly once, last. */
  onClosed(session: ClientSession, end: SessionEnd): void;
  onAcceptFailed(error: unknown): void;
}

export interface SessionEnd {
  readonly cause: CloseCause;
  readonly reason: string;
}

type State =
  | { readonly phase: "accepting"; readonly attempt: number; readonly dueAt: number; readonly abort: AbortController }
  | { readonly phase: "opening"; readonly attempt: number; readonly dueAt: number; readonly abort: AbortController }
  | { readonly phase: "open"; readonly attempt: number; readonly stream: BackendStream }
  /** What is left ends. */
  | { readonly phase: "leaving"; readonly stream: BackendStream | undefined; readonly end: SessionEnd }
  | { readonly phase: "closed" };

/** Behind the node's own limit for opening a stream, in case that the node does not keep it. */
const OPEN_GRACE_MS = 1_000;

export class ClientSession {
  readonly id: number;
  readonly client: ClientConnection;
  readonly openedAt: number;
  /** Bytes that the client has sent, and those handed to its connection. */
  bytesIn = 0;
  bytesOut = 0;
  readonly #host: SessionHost;
  readonly #patience: Patience;
  #state: State;
  #clientError: Error | undefined;
  #isPiping = false;

  /** Listens to the client; `start()` goes on. */
  constructor(id: number, client: ClientConnection, host: SessionHost) {
    this.id = id;
    this.client = client;
    this.#host = host;
    this.openedAt = host.options.clock.now();
    this.#patience = new Patience(this.openedAt);
    this.#state = this.#accepting(1);
    const { stream } = client;
    stream.on("error", (error) => {
      this.#clientError = error; // "close" follows
    });
    stream.once("close", () => this.#onClientClosed());
  }

  get phase(): State["phase"] {
    return this.#state.phase;
  }

  /** The stream to the backend, while there is one. */
  get stream(): BackendStream | undefined {
    return "stream" in this.#state ? this.#state.stream : undefined;
  }

  status(): ClientStatus {
    const { id, client, phase, stream, bytesIn, bytesOut } = this;
    return {
      id,
      transport: client.transport,
      remoteAddress: client.remoteAddress,
      phase,
      peer: stream && formatAddress(stream.peer),
      bytesIn,
      bytesOut,
      waitingBytes: client.stream.writableLength + (stream?.readableLength ?? 0),
      backendWaitingBytes: client.stream.readableLength + (stream?.writableLength ?? 0),
    };
  }

  start(): void {
    if (this.#state.phase === "accepting") this.#ask(this.#state, undefined);
  }

  /** Asks whether time is over for something. */
  look(now: number): void {
    const state = this.#state;
    if (state.phase === "closed" || state.phase === "leaving") return;
    if (state.phase === "accepting" || state.phase === "opening") {
      if (now < state.dueAt) return;
      if (state.phase === "accepting") this.fail("acceptFailed", "accept() took too long");
      else this.fail("noBackend", "no stream to a backend was opened in time");
      return;
    }
    const { options } = this.#host;
    const waiting = this.client.stream.writableLength;
    const impatience = this.#patience.look(now, options, this.bytesIn, this.bytesOut, waiting);
    if (impatience === undefined) return;
    const goodbye = goodbyeFor(impatience);
    // Who reads nothing would not read a goodbye behind what waits.
    this.abort(impatience, goodbye.text, impatience === "stalled" ? undefined : goodbye);
  }

  /** As {@link abort}, with the goodbye that goes with the cause. */
  fail(cause: CloseCause, reason: string): void {
    this.abort(cause, reason, goodbyeFor(cause));
  }

  /** Ends both sides, out of order. */
  abort(cause: CloseCause, reason: string, goodbye: Goodbye | undefined): void {
    if (this.#state.phase === "closed" || this.#state.phase === "leaving") return;
    this.#leave({ cause, reason });
    this.client.abort(goodbye);
    this.stream?.destroy();
    this.#settle();
  }

  #accepting(attempt: number): State & { phase: "accepting" } {
    const { options } = this.#host;
    return { phase: "accepting", attempt, dueAt: options.clock.now() + options.acceptTimeoutMs, abort: new AbortController() };
  }

  async #ask(accepting: State & { phase: "accepting" }, failure: Error | undefined): Promise<void> {
    const { attempt, abort } = accepting;
    const { node, options } = this.#host;
    let accepted: AcceptedClient;
    try {
      const answer = await options.accept(this.client, { attempt, failure, signal: abort.signal });
      if (!this.#isAt(accepting)) return;
      if ("refuse" in answer) return this.abort("refused", answer.refuse, refusalOf(answer));
      accepted = answer;
    } catch (error) {
      if (!this.#isAt(accepting)) return;
      this.#host.onAcceptFailed(error);
      return this.fail("acceptFailed", messageOf(error));
    }
    const { openTimeoutMs: timeoutMs, clock } = options;
    const opening: State = { phase: "opening", attempt, dueAt: clock.now() + timeoutMs + OPEN_GRACE_MS, abort };
    this.#enter(opening);
    const { to, metadata, protocol = options.protocol } = accepted;
    try {
      const stream = await node.openStream(to, { protocol, metadata, signal: abort.signal, timeoutMs });
      if (this.#isAt(opening)) this.#serve(stream, attempt);
      else discard(stream);
    } catch (error) {
      if (this.#isAt(opening)) this.#again(attempt, error as Error);
    }
  }

  /** False for who has waited and comes too late. */
  #isAt(state: State): boolean {
    return this.#state === state;
  }

  /** Nothing has gone either way: another backend will do as well. */
  #again(attempt: number, failure: Error): void {
    if (attempt >= this.#host.options.maxAttempts) return this.fail("noBackend", messageOf(failure));
    this.#host.onRetry();
    const accepting = this.#accepting(attempt + 1);
    this.#enter(accepting);
    this.#ask(accepting, failure);
  }

  #serve(stream: BackendStream, attempt: number): void {
    this.#enter({ phase: "open", attempt, stream });
    this.#host.onOpened(this, stream);
    this.#pipeBack(stream);
    if (this.#isPiping) this.client.stream.resume();
    else this.#pipeThere();
  }

  /** From the client to whichever backend it has. */
  #pipeThere(): void {
    this.#isPiping = true;
    const client = this.client.stream;
    client.on("data", (chunk: Uint8Array) => {
      const state = this.#state;
      if (state.phase !== "open") return;
      this.bytesIn += chunk.length;
      countRead(chunk.length);
      if (!state.stream.write(chunk)) client.pause();
    });
    client.on("end", () => {
      if (this.#state.phase === "open") this.#state.stream.end();
    });
    client.on("drain", () => {
      if (this.#state.phase === "open") this.#state.stream.resume();
    });
  }

  #pipeBack(stream: BackendStream): void {
    const client = this.client.stream;
    let failure: Error | undefined;
    stream.on("data", (chunk: Uint8Array) => {
      if (client.destroyed) return this.fail("clientLeft", "it left before it was answered");
      this.bytesOut += chunk.length;
      if (!client.write(chunk)) stream.pause();
    });
    stream.on("end", () => void client.end());
    stream.on("drain", () => void client.resume());
    stream.on("error", (error: Error) => {
      failure = error; // "close" follows
    });
    stream.once("close", () => this.#onStreamClosed(stream, failure));
  }

  #onClientClosed(): void {
    const state = this.#state;
    const { stream } = this.client;
    if (state.phase === "accepting" || state.phase === "opening") this.#leave(this.#howClientLeft());
    if (state.phase === "open") {
      const error = this.#clientError;
      // It has heard all, or it left in order: the backend hears its end, and only an answer would find nobody.
      const isOrderly = error === undefined && stream.readableEnded;
      if (!isOrderly) {
        this.#leave(this.#howClientLeft());
        state.stream.destroy();
      } else if (!stream.writableFinished) state.stream.resume();
    }
    this.#settle();
  }

  #howClientLeft(): SessionEnd {
    const error = this.#clientError;
    if (error === undefined) return { cause: "clientLost", reason: "it was reset or lost" };
    return { cause: "isFault" in error && error.isFault === true ? "clientFault" : "clientLost", reason: error.message };
  }

  #onStreamClosed(stream: BackendStream, failure: Error | undefined): void {
    const state = this.#state;
    if (state.phase === "open" && state.stream === stream) {
      const isOrderly = failure === undefined && stream.readableEnded && stream.writableFinished;
      if (!isOrderly) {
        const error = failure ?? new Error("the stream was destroyed");
        const client = this.client.stream;
        if (this.bytesIn + this.bytesOut === 0 && !client.readableEnded && !client.destroyed && !client.writableEnded) {
          client.pause();
          return this.#again(state.attempt, error);
        }
        this.fail("backendLost", error.message);
      }
    }
    this.#settle();
  }

  #leave(end: SessionEnd): void {
    const { stream } = this;
    this.#enter({ phase: "leaving", stream, end });
  }

  /** Over, once neither side is there any more. */
  #settle(): void {
    const state = this.#state;
    if (state.phase === "closed" || !this.client.stream.closed) return;
    if (state.phase === "accepting" || state.phase === "opening") return;
    const { stream } = state;
    if (stream !== undefined && !stream.closed) return;
    this.#enter({ phase: "closed" });
    this.#host.onClosed(this, state.phase === "leaving" ? state.end : this.#howEnded());
  }

  #howEnded(): SessionEnd {
    return this.client.stream.writableFinished ? { cause: "ended", reason: "" } : { cause: "clientLeft", reason: "it left in order" };
  }

  /** The only assignment of `#state` but the first: what the old phase owned is released. */
  #enter(next: State): void {
    const previous = this.#state;
    this.#state = next;
    switch (previous.phase) {
      case "accepting":
      case "opening":
        if (next.phase === "leaving") previous.abort.abort();
        break;
      case "open":
      case "leaving":
      case "closed":
        break;
      default:
        previous satisfies never;
    }
  }
}

/** A stream that came too late for its client. */
function discard(stream: BackendStream): void {
  stream.on("error", () => {}); // nobody is there to be told
  stream.destroy();
}
