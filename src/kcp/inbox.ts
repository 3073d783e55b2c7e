/** What arrived: put in order, checked, and kept until it is read. Never more segments than the window, whatever the peer sends. */
import { serialAdd, serialDiff } from "./serial.js";
import { SerialRing } from "./serial-ring.js";

export interface InboxOptions {
  readonly mode: "stream" | "message";
  /** Segments held at most. */
  readonly receiveWindow: number;
  readonly maxMessageBytes: number;
  /** Whether a segment without payload is the peer's end. */
  readonly tellEnds: boolean;
}

export type Acceptance =
  | { readonly type: "taken" }
  /** It arrived before: our acknowledgement was lost, or the path has doubled it. */
  | { readonly type: "duplicate" }
  /** Beyond the window, or after the end. */
  | { readonly type: "outside" }
  | { readonly type: "fault"; readonly code: "PROTOCOL" | "MESSAGE_TOO_LARGE"; readonly problem: string };

interface Arrived {
  readonly payload: Buffer;
  readonly fragment: number;
}

const TAKEN = { type: "taken" } as const;
const DUPLICATE = { type: "duplicate" } as const;
const OUTSIDE = { type: "outside" } as const;

export class Inbox {
  readonly #options: InboxOptions;
  /** From the first that was not read. */
  readonly #ring: SerialRing<Arrived>;
  #next: number;
  #limit: number;
  #endAt: number | undefined;
  /** Whole messages that can be read; in stream mode, segments. */
  #readable = 0;
  /** Of the message that is arriving: fragments that came and that are to come, and bytes that came. */
  #fragmentsHeld = 0;
  #fragmentsLeft = 0;
  #messageBytes = 0;

  constructor(firstSequence: number, options: InboxOptions) {
    this.#options = options;
    this.#ring = new SerialRing(firstSequence);
    this.#next = firstSequence;
    this.#limit = options.receiveWindow;
  }

  /** The lowest sequence number that has not arrived. */
  get next(): number {
    return this.#next;
  }

  /** Segments held. */
  get size(): number {
    return this.#ring.size;
  }

  /** Segments beyond {@link next} that can be taken. */
  get window(): number {
    return Math.max(0, this.#span - serialDiff(this.#next, this.#ring.first));
  }

  /** Everything before the peer's end was read. */
  get hasEnded(): boolean {
    return this.#endAt !== undefined && this.#endAt === this.#ring.first;
  }

  /** The peer's end has arrived, and all before it. */
  get endArrived(): boolean {
    return this.#endAt !== undefined;
  }

  get isReadable(): boolean {
    return this.#readable > 0;
  }

  /** Lets the window be smaller for a while, apart from the message that is arriving; what is held stays. */
  set limit(segments: number) {
    this.#limit = Math.min(segments, this.#options.receiveWindow);
  }

  accept(sequence: number, fragment: number, payload: Buffer): Acceptance {
    if (serialDiff(sequence, this.#next) < 0) return DUPLICATE;
    if (this.#endAt !== undefined || serialDiff(sequence, this.#ring.first) >= this.#span) return OUTSIDE;
    if (this.#ring.get(sequence) !== undefined) return DUPLICATE;
    this.#ring.set(sequence, { payload, fragment });
    for (let arrived = this.#ring.get(this.#next); arrived !== undefined; arrived = this.#ring.get(this.#next)) {
      const fault = this.#arrivedInOrder(arrived);
      if (fault !== undefined) return fault;
      if (this.#endAt !== undefined) break;
    }
    return TAKEN;
  }

  /** The next bytes of the stream, or the next whole message. `undefined`: nothing can be read now. */
  read(): Buffer | undefined {
    if (this.#readable === 0) return undefined;
    this.#readable--;
    const first = this.#ring.get(this.#ring.first)!;
    this.#removeFirst();
    if (this.#options.mode === "stream" || first.fragment === 0) return first.payload;
    const parts = [first.payload];
    for (let left = first.fragment; left > 0; left--) {
      parts.push(this.#ring.get(this.#ring.first)!.payload);
      this.#removeFirst();
    }
    return Buffer.concat(parts);
  }

  clear(): void {
    this.#ring.clear();
    this.#readable = 0;
  }

  /** A message cannot be read before all of it is there, so it must fit also where the window is small. */
  get #span(): number {
    return Math.min(this.#limit + this.#fragmentsHeld, this.#options.receiveWindow);
  }

  #arrivedInOrder({ payload, fragment }: Arrived): Acceptance | undefined {
    if (payload.length === 0 && this.#options.tellEnds) return this.#endArrived();
    this.#next = serialAdd(this.#next, 1);
    if (this.#options.mode === "stream") {
      this.#readable++;
      return undefined;
    }
    const fault = this.#messageFault(payload, fragment);
    if (fault !== undefined) return fault;
    this.#fragmentsLeft = fragment;
    this.#fragmentsHeld++;
    if (fragment === 0) {
      this.#readable++;
      this.#fragmentsHeld = this.#messageBytes = 0;
    }
    return undefined;
  }

  #messageFault(payload: Buffer, fragment: number): Acceptance | undefined {
    if (this.#fragmentsLeft > 0 && fragment !== this.#fragmentsLeft - 1) {
      const problem = `fragment ${fragment} of a message after fragment ${this.#fragmentsLeft}; is the peer in stream mode?`;
      return { type: "fault", code: "PROTOCOL", problem };
    }
    if (this.#fragmentsLeft === 0 && fragment >= this.#options.receiveWindow) {
      const problem = `a message of ${fragment + 1} fragments does not fit the receive window of ${this.#options.receiveWindow}`;
      return { type: "fault", code: "MESSAGE_TOO_LARGE", problem };
    }
    this.#messageBytes += payload.length;
    if (this.#messageBytes <= this.#options.maxMessageBytes) return undefined;
    return { type: "fault", code: "MESSAGE_TOO_LARGE", problem: `a message of more than ${this.#options.maxMessageBytes} bytes` };
  }

  /** The end takes a sequence number and is acknowledged like anything else; nothing may follow. */
  #endArrived(): Acceptance | undefined {
    if (this.#fragmentsLeft > 0) return { type: "fault", code: "PROTOCOL", problem: "the end came within a message" };
    this.#endAt = this.#next;
    this.#ring.remove(this.#next);
    this.#next = serialAdd(this.#next, 1);
    return undefined;
  }

  #removeFirst(): void {
    this.#ring.remove(this.#ring.first);
    this.#ring.advance();
  }
}
