/** A session as the model sees it: both ends, what was opened over it, and how it ended. */
import assert from "node:assert/strict";
import { Session } from "../../../src/stream/session.js";
import type { ResolvedSessionOptions } from "../../../src/stream/session-options.js";
import type { SessionRole } from "../../../src/stream/stream-ids.js";
import type { YamuxStream } from "../../../src/stream/yamux-stream.js";
import type { SeededRandom } from "../../../src/testing/seeded-random.js";
import type { VirtualClock } from "../../../src/testing/virtual-clock.js";
import type { Connection } from "../../../src/transport/transport.js";
import { ProtocolError } from "../../../src/wire/protocol-error.js";
import type { Side } from "./stream-life.js";
import { StreamLife } from "./stream-life.js";

export interface End {
  readonly session: Session;
  closed: { error: Error | undefined } | undefined;
}

export class SessionLife {
  readonly options: ResolvedSessionOptions;
  readonly lives: StreamLife[] = [];
  readonly ends: End[] = [];
  /** One side has left: what the other opens meanwhile may be refused although somebody would have taken it. */
  hasLeft = false;
  fault: Error | undefined;
  readonly #byStream = new Map<string, StreamLife>();
  readonly #onOffered: (side: Side) => void;

  constructor(options: ResolvedSessionOptions, onOffered: (side: Side) => void) {
    this.options = options;
    this.#onOffered = onOffered;
  }

  add(connection: Connection, role: SessionRole, clock: VirtualClock, random: SeededRandom): void {
    const onClose = (error: Error | undefined): void => {
      assert.equal(end.closed, undefined, "a session closed twice");
      end.closed = { error };
      if (error instanceof ProtocolError) this.fault ??= error;
    };
    const handler = { onStream: (stream: YamuxStream) => this.#offered(stream, role), onUnavailable: () => undefined, onClose };
    const end: End = { session: new Session(connection, role, handler, this.options, { clock, random }), closed: undefined };
    this.ends.push(end);
  }

  /** Whether one of its ends is over, or about to be. */
  get hasEnded(): boolean {
    return this.ends.length < 2 || this.ends.some(({ session }) => session.phase === "closed" || session.phase === "ending");
  }

  open(end: End, serial: number): StreamLife {
    const stream = end.session.open();
    const life = new StreamLife(serial, stream);
    this.lives.push(life);
    this.#byStream.set(`${end.session.role} ${stream.id}`, life);
    return life;
  }

  #offered(stream: YamuxStream, role: SessionRole): void {
    const life = this.#byStream.get(`${role === "dialer" ? "acceptor" : "dialer"} ${stream.id}`);
    if (life === undefined || life.acceptor !== undefined) {
      this.fault ??= new Error(`stream ${stream.id} was offered to the ${role}, and was not opened, or twice`);
      return;
    }
    this.#onOffered(life.offered(stream));
  }

  /** What holds at any time. */
  check(hasBudget: boolean): void {
    if (this.fault !== undefined) throw this.fault;
    for (const { session } of this.ends) this.#checkSession(session);
    for (const life of this.lives) life.check(this.hasEnded, hasBudget);
  }

  #checkSession(session: Session): void {
    const status = session.status();
    const { maxUnreadBytes, maxUnacknowledged, acceptBacklog, windowBytes } = this.options;
    let unread = 0;
    for (const stream of session.streams()) {
      unread += stream.unreadBytes;
      assert.ok(
        stream.unreadBytes <= Math.max(windowBytes, MOST_READ_BYTES),
        `stream ${stream.id} holds ${stream.unreadBytes} bytes, its window is ${windowBytes}`,
      );
    }
    assert.equal(status.unreadBytes, unread, "unread bytes of the session, and of its streams");
    assert.ok(unread <= maxUnreadBytes, `${unread} bytes are unread, the budget is ${maxUnreadBytes}`);
    assert.ok(status.unacknowledged <= maxUnacknowledged && status.offered <= acceptBacklog, "more openings at once than allowed");
  }

  /** What holds when all is over. `isHealthy`: it never ended. */
  checkLeft(): void {
    for (const { session, closed } of this.ends) {
      const { streams, unreadBytes, unacknowledged, held, offered } = session.status();
      assert.deepEqual({ streams, unreadBytes, unacknowledged, held, offered }, NOTHING, `left behind in the ${session.role}'s session`);
      assert.ok(closed !== undefined, "a session was never told that its connection is closed");
    }
  }
}

/** The most that the application asks for at once: whose window is smaller gets a larger one. */
export const MOST_READ_BYTES = 5;

const NOTHING = { streams: 0, unreadBytes: 0, unacknowledged: 0, held: 0, offered: 0 };
