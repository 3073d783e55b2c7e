/** The model of one stream: what each side did to it, and what it must therefore see. */
import assert from "node:assert/strict";
import { StreamError } from "../../../src/stream/stream-error.js";
import type { YamuxStream } from "../../../src/stream/yamux-stream.js";

/** The byte at `position` of what one side of a stream writes: another one for each stream and side. */
function byteAt(serial: number, side: number, position: number): number {
  return (serial * 89 + side * 41 + position * 7 + (position >>> 8) * 13) & 0xff;
}

/** One side of a stream. */
export class Side {
  readonly stream: YamuxStream;
  readonly #serial: number;
  readonly #side: number;
  /** What the model's application did. */
  written = 0;
  hasEnded = false;
  isAccepted: boolean;
  /** Why it destroyed the stream: the code that the other side is to see; -1: any. */
  destroyedWith: number | undefined;
  /** What it saw. */
  read = 0;
  sawEnd = false;
  sawClose = false;
  error: Error | undefined;
  failedWrites = 0;
  /** Read by a loop, and by nothing else: that has its chunks later than the stream gives them, and its end too. */
  isIterated = false;
  isInLoop = false;
  /** Nothing may come any more. */
  fault: string | undefined;

  constructor(stream: YamuxStream, serial: number, side: 0 | 1) {
    this.stream = stream;
    this.#serial = serial;
    this.#side = side;
    this.isAccepted = side === 0;
    stream.on("end", () => {
      if (!this.isIterated) this.sawEnd = true;
    });
    stream.on("close", () => {
      this.sawClose = true;
    });
    stream.on("error", (error) => {
      this.error = error;
    });
  }

  get isUsable(): boolean {
    return !this.stream.destroyed;
  }

  get isOver(): boolean {
    return this.sawClose && !this.isInLoop;
  }

  write(size: number): void {
    const bytes = Buffer.alloc(size);
    for (let index = 0; index < size; index++) bytes[index] = byteAt(this.#serial, this.#side, this.written + index);
    this.written += size;
    this.isAccepted = true;
    this.stream.write(bytes, (error) => {
      if (error) this.failedWrites++;
    });
  }

  end(): void {
    this.hasEnded = true;
    this.isAccepted = true;
    this.stream.end();
  }

  /** Checks bytes that the application was given. */
  take(chunk: Buffer): void {
    if (this.sawEnd || (this.sawClose && !this.isInLoop))
      this.fault ??= `${chunk.length} bytes came behind the ${this.sawEnd ? "end" : "close"}`;
    for (let index = 0; index < chunk.length; index++) {
      if (chunk[index] === byteAt(this.#serial, 1 - this.#side, this.read + index)) continue;
      this.fault ??= `byte ${this.read + index} is not what the other side wrote there`;
      break;
    }
    this.read += chunk.length;
  }
}

export class StreamLife {
  readonly serial: number;
  readonly opener: Side;
  /** `undefined`: the peer was never told of it, or did not take it. */
  acceptor: Side | undefined;

  constructor(serial: number, opener: YamuxStream) {
    this.serial = serial;
    this.opener = new Side(opener, serial, 0);
  }

  offered(stream: YamuxStream): Side {
    this.acceptor = new Side(stream, this.serial, 1);
    return this.acceptor;
  }

  get sides(): Side[] {
    return this.acceptor === undefined ? [this.opener] : [this.opener, this.acceptor];
  }

  /** What holds at any time, whatever happens. `sessionEnded`: one of the sessions is over. `hasBudget`: streams may be reset for it. */
  check(sessionEnded: boolean, hasBudget: boolean): void {
    this.#checkSide(this.opener, this.acceptor, sessionEnded, hasBudget);
    if (this.acceptor !== undefined) this.#checkSide(this.acceptor, this.opener, sessionEnded, hasBudget);
  }

  #checkSide(side: Side, other: Side | undefined, sessionEnded: boolean, hasBudget: boolean): void {
    const name = `stream ${side.stream.id} (${this.serial}), ${side === this.opener ? "opener" : "acceptor"}`;
    assert.equal(side.fault, undefined, `${name}: ${side.fault}`);
    const sent = other?.written ?? 0;
    assert.ok(side.read <= sent, `${name}: ${side.read} bytes were read, ${sent} written`);
    if (side.sawEnd) {
      assert.ok(other?.hasEnded, `${name}: an end was seen that the other side never wrote`);
      assert.equal(side.read, sent, `${name}: the end came before all bytes`);
    }
    if (side.error !== undefined) this.#checkError(name, side, other, sessionEnded, hasBudget);
    const isQuietlyClosed = side.isOver && side.error === undefined && side.destroyedWith === undefined;
    if (isQuietlyClosed && side.isAccepted) {
      assert.ok(side.sawEnd && side.hasEnded, `${name}: closed without an error, and not by its two ends`);
      assert.equal(side.failedWrites, 0, `${name}: closed in order, with writes that failed`);
    }
  }

  #checkError(name: string, side: Side, other: Side | undefined, sessionEnded: boolean, hasBudget: boolean): void {
    const { error } = side;
    if (side.destroyedWith !== undefined) return;
    assert.ok(StreamError.is(error), `${name}: failed with ${error}`);
    switch (error.reason) {
      case "lost":
        return assert.ok(sessionEnded, `${name}: "${error.message}", and no session has ended`);
      case "over-budget":
        return assert.ok(hasBudget, `${name}: ${error.message}`);
      case "refused":
        return assert.ok(side === this.opener && other?.isAccepted !== true, `${name}: "${error.message}", but it was accepted`);
      case "timeout":
        return assert.equal(side, this.opener, name);
      case "reset": {
        const wasReset = other?.destroyedWith !== undefined || StreamError.is(other?.error);
        assert.ok(wasReset, `${name}: "${error.message}", which nobody did`);
        const code = other?.destroyedWith;
        if (code !== undefined && code >= 0) assert.equal(error.resetCode, code, `${name}: reset with another code`);
        return;
      }
      default:
        assert.fail(`${name}: ${error.reason}`);
    }
  }

  /** What holds for a stream to which nothing happened, when there has been time for all of it. */
  checkWhole(hasBudget: boolean): void {
    if (this.sides.some((side) => side.destroyedWith !== undefined)) return;
    const name = `stream ${this.opener.stream.id} (${this.serial})`;
    const wasReset = this.sides.some(({ error }) => StreamError.is(error) && error.reason === "over-budget");
    if (wasReset && hasBudget) return;
    const { error } = this.opener;
    if (StreamError.is(error) && error.reason === "timeout") return;
    if (this.acceptor?.isAccepted !== true) {
      assert.ok(StreamError.is(error) && error.reason === "refused", `${name}: never accepted, and not refused`);
      return;
    }
    for (const side of this.sides) {
      const which = `${name}, ${side === this.opener ? "opener" : "acceptor"}`;
      assert.equal(side.error, undefined, `${which}: failed with ${side.error?.message}, though nothing happened to it`);
      assert.ok(side.sawEnd, `${which}: never saw the end`);
    }
  }

  get isOver(): boolean {
    return this.sides.every((side) => side.isOver);
  }
}
