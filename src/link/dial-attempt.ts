/** One dial: connecting and opening, each with its time limit. Ends in one of two callbacks, or in none when it was given up. */
import { parseEndpoint } from "../addr/endpoint.js";
import type { LogicalAddress } from "../addr/logical-address.js";
import type { Clock, Random, TimerHandle } from "../internal/clock.js";
import type { Connection, Transport } from "../transport/transport.js";
import { NONCE_BYTES, type Purpose } from "../wire/hello.js";
import { channelFacts, DialerHandshake, type Identity, type PeerHello } from "./handshake.js";
import type { Keyring } from "./keyring.js";
import type { LastWords } from "./last-words.js";
import { openAsDialer } from "./opening.js";

export interface DialEnvironment {
  readonly identity: Identity;
  readonly keyring: Keyring;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly lastWords: LastWords;
}

export interface DialTimeouts {
  readonly dialTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
}

export interface DialEvents {
  /** There is a connection; the opening begins. */
  onConnected?(): void;
  /** In the very turn in which the peer said yes; the connection is the callee's. */
  onOpen(connection: Connection, peer: PeerHello, rest: Buffer): void;
  /** Never within `start`. */
  onFail(cause: Error): void;
}

export class DialAttempt {
  readonly #env: DialEnvironment;
  readonly #timeouts: DialTimeouts;
  readonly #events: DialEvents;
  readonly #abort = new AbortController();
  #timer: TimerHandle;
  #giveUpOpening: ((cause: Error) => void) | undefined;
  #over = false;

  constructor(env: DialEnvironment, timeouts: DialTimeouts, events: DialEvents) {
    this.#env = env;
    this.#timeouts = timeouts;
    this.#events = events;
  }

  start(endpoint: string, target: LogicalAddress, purpose: Purpose): void {
    const { clock, transport } = this.#env;
    const { dialTimeoutMs } = this.#timeouts;
    this.#timer = clock.setTimeout(() => this.#abort.abort(new Error(`connect timed out after ${dialTimeoutMs} ms`)), dialTimeoutMs);
    const dial = async (): Promise<Connection> => transport.dial(parseEndpoint(endpoint), this.#abort.signal);
    dial().then(
      (connection) => {
        clock.clearTimeout(this.#timer);
        // Given up meanwhile; a stale dial must not bring anything back.
        if (this.#over) return connection.destroy();
        this.#open(connection, target, purpose);
      },
      (cause: unknown) => this.#fail(cause instanceof Error ? cause : new Error(String(cause))),
    );
  }

  /** Ends it, and neither callback is called any more. Does nothing when it is over. */
  giveUp(): void {
    if (this.#over) return;
    this.#over = true;
    this.#env.clock.clearTimeout(this.#timer);
    const cause = new Error("no longer needed");
    this.#abort.abort(cause);
    this.#giveUpOpening?.(cause);
  }

  #open(connection: Connection, target: LogicalAddress, purpose: Purpose): void {
    const { clock, identity, keyring, lastWords, random } = this.#env;
    const facts = channelFacts(connection, random.bytes(NONCE_BYTES));
    const handshake = new DialerHandshake(identity, keyring, target, purpose, facts);
    this.#events.onConnected?.();
    this.#giveUpOpening = openAsDialer(
      connection,
      handshake,
      clock,
      this.#timeouts.handshakeTimeoutMs,
      (peer, rest) => {
        this.#over = true;
        this.#events.onOpen(connection, peer, rest);
      },
      (cause) => this.#fail(cause),
      lastWords,
    );
  }

  #fail(cause: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#env.clock.clearTimeout(this.#timer);
    this.#events.onFail(cause);
  }
}
