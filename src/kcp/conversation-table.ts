/**
 * Many conversations on one socket: finds whose a datagram is, sends at the end of each turn what the turn has brought,
 * and has one timer for all that is due later.
 */
import type { Clock, TimerHandle } from "../internal/clock.js";
import { Afterlife, type Farewell } from "./afterlife.js";
import type { Conversation } from "./conversation.js";
import type { DatagramSocket, Remote } from "./datagram-socket.js";
import { DeadlineHeap } from "./deadline-heap.js";
import type { InputFault } from "./kcp-core.js";
import type { KcpCounters } from "./kcp-counters.js";

/** A timer that fires so late has waited for a busy event loop: what has arrived meanwhile is read before anybody is given up. */
const STALLED_MS = 1_000;

export interface TableOwner {
  /** After a datagram for `conversation`: it may have something to read, or have proved its address. */
  onInput(conversation: Conversation): void;
  /** The conversation failed without being asked to; it is still in the table. */
  onFailure(conversation: Conversation): void;
  /** The system did not send a datagram. */
  onError(error: NodeJS.ErrnoException): void;
}

export class ConversationTable {
  readonly afterlife = new Afterlife();
  readonly #socket: DatagramSocket;
  readonly #clock: Clock;
  readonly #counters: KcpCounters;
  readonly #owner: TableOwner;
  readonly #byKey = new Map<string, Conversation>();
  readonly #deadlines = new DeadlineHeap<Conversation>();
  #touched: Conversation[] = [];
  #isTurnAsked = false;
  #timer: TimerHandle;
  #timerAt = Number.POSITIVE_INFINITY;
  #isClosed = false;

  constructor(socket: DatagramSocket, clock: Clock, counters: KcpCounters, owner: TableOwner) {
    this.#socket = socket;
    this.#clock = clock;
    this.#counters = counters;
    this.#owner = owner;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Live: adding and removing while going through it is fine. */
  get conversations(): Iterable<Conversation> {
    return this.#byKey.values();
  }

  get(key: string): Conversation | undefined {
    return this.#byKey.get(key);
  }

  add(conversation: Conversation): void {
    this.#byKey.set(conversation.key, conversation);
    this.touch(conversation);
  }

  /** Forgets it, after what the peer should hear last. */
  remove(conversation: Conversation, farewell: Farewell): void {
    if (!this.#byKey.delete(conversation.key)) return;
    const { core, key, remote } = conversation;
    this.#deadlines.remove(conversation);
    const now = this.#clock.now();
    if (farewell === "acknowledge") core.flush(now, (datagram) => this.send(datagram, remote));
    const reset = farewell === "reset" ? core.resetDatagram() : undefined;
    if (reset !== undefined) this.send(reset, remote);
    this.#counters.retransmissions += core.retransmissions;
    this.afterlife.add(key, core.conversation, core.nextExpected, farewell, now);
  }

  input(conversation: Conversation, datagram: Buffer): void {
    this.count(conversation.input(datagram, this.#clock.now()));
    this.#owner.onInput(conversation);
    conversation.user?.onProgress();
    this.touch(conversation);
  }

  count(fault: InputFault | undefined): void {
    if (fault === "window") this.#counters.beyondWindow++;
    else if (fault !== undefined) this.#counters.malformed++;
  }

  /** Looks at the end of this turn what of `conversation` can be sent, and when it is due next. */
  touch(conversation: Conversation): void {
    if (conversation.isTouched || this.#isClosed) return;
    conversation.isTouched = true;
    this.#touched.push(conversation);
    if (this.#isTurnAsked) return;
    this.#isTurnAsked = true;
    this.#clock.nextTurn(this.#endOfTurn);
  }

  send(datagram: Buffer, remote: Remote): void {
    if (this.#isClosed) return;
    this.#counters.datagramsOut++;
    this.#counters.bytesOut += datagram.length;
    this.#socket.send(datagram, remote, this.#sent);
  }

  /** Nothing is sent or due any more. */
  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#timer);
    this.#byKey.clear();
    this.#touched = [];
  }

  readonly #sent = (error: Error | null): void => {
    if (error !== null && error !== undefined) this.#owner.onError(error);
  };

  readonly #endOfTurn = (): void => {
    this.#isTurnAsked = false;
    if (this.#isClosed) return;
    const touched = this.#touched;
    this.#touched = [];
    const now = this.#clock.now();
    for (const conversation of touched) {
      conversation.isTouched = false;
      this.#update(conversation, now);
    }
    this.#arm();
  };

  #update(conversation: Conversation, now: number): void {
    if (this.#byKey.get(conversation.key) !== conversation) return;
    const { core, remote } = conversation;
    if (core.failure === undefined) conversation.flush(now, (datagram) => this.send(datagram, remote));
    if (core.failure !== undefined) return this.#owner.onFailure(conversation);
    conversation.user?.onProgress();
    if (core.nextUpdateAt(now) <= now) this.touch(conversation);
    else this.#deadlines.schedule(conversation, conversation.dueAt(now));
  }

  #arm(): void {
    const at = this.#deadlines.soonest?.heapAt ?? Number.POSITIVE_INFINITY;
    if (at >= this.#timerAt || this.#isClosed) return;
    this.#clock.clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = this.#clock.setTimeout(this.#due, Math.ceil(at - this.#clock.now()));
  }

  readonly #due = (): void => {
    const late = this.#clock.now() - this.#timerAt;
    this.#timerAt = Number.POSITIVE_INFINITY;
    if (late < STALLED_MS) return this.#runDue();
    this.#clock.nextTurn(() => this.#runDue());
  };

  #runDue(): void {
    const now = this.#clock.now();
    for (let next = this.#deadlines.soonest; next !== undefined && next.heapAt <= now; next = this.#deadlines.soonest) {
      this.#deadlines.remove(next);
      this.#update(next, now);
    }
    this.#arm();
  }
}
