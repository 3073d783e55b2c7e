import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { isOrdered, LargeMessages } from "../../src/link/large-messages.js";
import type { HeldMessage } from "../../src/link/pending-queue.js";
import { FragmentAssembler } from "../../src/wire/fragment.js";
import { FrameReader } from "../../src/wire/frame-reader.js";
import { FrameWriter } from "../../src/wire/frame-writer.js";
import { AT, decodeHeader, FLAGS, type FrameHeader, KIND } from "../../src/wire/header.js";
import { FRAGMENT_BYTES, HEADER_BYTES, MAX_HOPS, MAX_WHOLE_BODY_BYTES } from "../../src/wire/limits.js";
import { held, PEER, SELF } from "./support/held.js";

const LARGE = MAX_WHOLE_BODY_BYTES + 1;
const OTHER = 3 as LogicalAddress;

/** One connection: what was sent over it, in the words of the receiver, as `"1"` for a whole message of number 1 and `"1+"` for a piece of it. */
class Line {
  readonly large: LargeMessages;
  readonly log: string[] = [];
  /** Numbers of which the sender believes that they are out. */
  readonly out: number[] = [];
  readonly #writer = new FrameWriter();
  readonly #assembler = new FragmentAssembler({ maxPayloadBytes: 10_000_000, maxPartialBytes: 100_000_000 });
  lastHeader: FrameHeader | undefined;

  constructor(maxBegunBytes = Number.POSITIVE_INFINITY) {
    this.large = new LargeMessages(maxBegunBytes, FRAGMENT_BYTES);
  }

  /** As a channel sends: large ones and what stands behind them wait, others go at once. */
  send(message: HeldMessage): void {
    if (
      message.frame.length - HEADER_BYTES > MAX_WHOLE_BODY_BYTES ||
      (isOrdered(message.kind) && this.large.blocks(message.to, message.from))
    )
      this.large.push(message);
    else this.log.push(`${message.seq}`);
  }

  /** One turn. Gives what it has sent. */
  turn(now = 0, maxFragments = Number.POSITIVE_INFINITY): string[] {
    const before = this.log.length;
    const freed = this.large.pump(this.#writer, now, maxFragments, (message) => this.out.push(message.seq));
    this.#receive();
    for (const message of freed) this.log.push(`${message.seq}`);
    return this.log.slice(before);
  }

  drain(): void {
    for (let turns = 0; !this.large.isEmpty; turns++) {
      assert.ok(turns < 1_000, "it ends");
      this.turn();
    }
  }

  withdraw(message: HeldMessage): "whole" | "partly" | "absent" {
    const state = this.large.remove(message.to, message.epoch, message.seq);
    if (state === "partly") this.large.writeAbort(this.#writer, message.to, message.from, message.epoch, message.seq);
    this.#receive();
    return state;
  }

  #receive(): void {
    const reader = new FrameReader((frame, start, end) => {
      const header = decodeHeader(frame, start);
      this.lastHeader = header;
      assert.equal(header.kind, KIND.fragment);
      assert.equal(header.hops, MAX_HOPS);
      const assembly = this.#assembler.add(header.from, header.epoch, header.seq, header.flags, frame, start + AT.body, end, 0, 1);
      if (assembly.type === "whole") {
        assert.ok(assembly.body.every((byte) => byte === (header.seq & 0xff)));
        this.log.push(`${header.seq}`);
      } else this.log.push(assembly.type === "more" ? `${header.seq}+` : `${header.seq} ${assembly.type}`);
    });
    this.#writer.flush((frames) => {
      reader.push(Buffer.from(frames));
      return true;
    });
  }

  get unfinishedAtPeer(): number {
    return this.#assembler.partialCount;
  }
}

suite("large messages", () => {
  test("kinds that start work at the receiver keep their order, the others need none", () => {
    const ordered = Object.entries(KIND).filter(([, kind]) => isOrdered(kind));
    assert.deepEqual(
      ordered.map(([name]) => name),
      ["request", "post", "message", "bytes"],
    );
  });

  test("one fragment of each message per turn, so that none holds up another pair's", () => {
    const line = new Line();
    line.send(held({ seq: 1, size: 3 * FRAGMENT_BYTES }));
    line.send(held({ seq: 2, size: 2 * FRAGMENT_BYTES, to: OTHER }));
    line.send(held({ seq: 3, size: 2 * FRAGMENT_BYTES, kind: KIND.reply }));
    line.send(held({ seq: 4, size: 2 * FRAGMENT_BYTES, kind: KIND.reply }));
    assert.deepEqual(line.turn(), ["1+", "2+", "3+", "4+"]);
    assert.deepEqual(line.turn(), ["1+", "2", "3", "4"]);
    assert.deepEqual(line.turn(), ["1"]);
    assert.deepEqual([line.large.isEmpty, line.large.bytes, line.out], [true, 0, [2, 1]]);
  });

  test("one fragment in a turn, and messages take turns", () => {
    const line = new Line();
    for (const seq of [1, 2, 3]) line.send(held({ kind: KIND.reply, seq, size: 3 * FRAGMENT_BYTES }));
    const turns = Array.from({ length: 9 }, () => line.turn(0, 1).join());
    assert.deepEqual(turns, ["1+", "2+", "3+", "1+", "2+", "3+", "1", "2", "3"]);
  });

  test("one fragment in a turn and no room for all at the peer, and those that wait begin in their order", () => {
    const line = new Line(6 * FRAGMENT_BYTES);
    for (const seq of [1, 2, 3]) line.send(held({ kind: KIND.reply, seq, size: 3 * FRAGMENT_BYTES }));
    line.send(held({ kind: KIND.reply, seq: 4, size: 2 * FRAGMENT_BYTES }));
    const turns = Array.from({ length: 11 }, () => line.turn(0, 1).join());
    assert.deepEqual(turns, ["1+", "2+", "1+", "2+", "1", "3+", "2", "4+", "3+", "4", "3"]);
    assert.deepEqual([line.large.isEmpty, line.large.bytes], [true, 0]);
  });

  test("requests and one-way messages of one pair, stand in line; replies, cancels and other pairs do not", () => {
    const line = new Line();
    line.send(held({ seq: 1, size: 2 * FRAGMENT_BYTES }));
    assert.deepEqual(
      [line.large.hasOrdered, line.large.blocks(PEER, SELF), line.large.blocks(OTHER, SELF), line.large.blocks(PEER, OTHER)],
      [true, true, false, false],
    );
    line.send(held({ seq: 2, kind: KIND.message }));
    line.send(held({ seq: 3, kind: KIND.bytes, size: LARGE }));
    line.send(held({ seq: 4, kind: KIND.post }));
    line.send(held({ seq: 5, kind: KIND.reply }));
    line.send(held({ seq: 6, kind: KIND.cancel }));
    line.send(held({ seq: 7, to: OTHER }));
    assert.deepEqual(line.log, ["5", "6", "7"]);
    line.drain();
    assert.deepEqual(line.log.slice(3), ["1+", "1", "2", "3+", "3", "4"]);
    assert.deepEqual([line.large.hasOrdered, line.large.blocks(PEER, SELF)], [false, false]);
  });

  test("a large reply, blocks nothing", () => {
    const line = new Line();
    line.send(held({ seq: 1, size: LARGE, kind: KIND.reply }));
    assert.deepEqual([line.large.hasOrdered, line.large.blocks(PEER, SELF), line.large.isEmpty], [false, false, false]);
    line.send(held({ seq: 2 }));
    line.drain();
    assert.deepEqual(line.log, ["2", "1+", "1"]);
  });

  test("a message that is withdrawn before its first fragment, leaves no trace; those behind it go", () => {
    const line = new Line();
    const large = held({ seq: 1, size: LARGE });
    line.send(large);
    line.send(held({ seq: 2 }));
    assert.equal(line.withdraw(large), "whole");
    line.drain();
    assert.deepEqual(line.log, ["2"]);
    assert.deepEqual([line.large.bytes, line.large.blocks(PEER, SELF)], [0, false]);
  });

  test("a message that is withdrawn halfway, is aborted in its place; those behind it go, large and small", () => {
    for (const size of [4, LARGE]) {
      const line = new Line();
      const large = held({ seq: 1, size: 3 * FRAGMENT_BYTES });
      line.send(large);
      line.send(held({ seq: 2, size }));
      line.send(held({ seq: 3 }));
      line.turn();
      assert.equal(line.withdraw(large), "partly");
      assert.deepEqual([line.lastHeader?.flags, line.unfinishedAtPeer], [FLAGS.abort, 0]);
      line.drain();
      assert.deepEqual(line.log, ["1+", "1 aborted", ...(size === 4 ? [] : ["2+"]), "2", "3"]);
      assert.equal(line.large.bytes, 0);
    }
  });

  test("a message that waits behind another one and is withdrawn, never goes; the others keep their order", () => {
    const line = new Line();
    const waiting = held({ seq: 3, size: LARGE });
    for (const message of [held({ seq: 1, size: LARGE }), held({ seq: 2 }), waiting, held({ seq: 4 })]) line.send(message);
    assert.equal(line.withdraw(waiting), "whole");
    line.drain();
    assert.deepEqual([line.log, line.large.bytes], [["1+", "1", "2", "4"], 0]);
  });

  test("what is out, of another epoch or target, or a reply of the same number, is not withdrawn", () => {
    const line = new Line();
    const large = held({ seq: 1, size: LARGE });
    const reply = held({ seq: 2, size: LARGE, kind: KIND.reply });
    line.send(large);
    line.send(reply);
    assert.equal(line.withdraw({ ...large, epoch: 8 }), "absent");
    assert.equal(line.withdraw({ ...large, to: OTHER }), "absent");
    assert.equal(line.withdraw({ ...reply }), "absent");
    line.drain();
    assert.equal(line.withdraw(large), "absent");
    assert.deepEqual(line.log, ["1+", "2+", "1", "2"]);
  });

  test("the connection is lost, and all that was not wholly sent comes back in order per pair", () => {
    const line = new Line();
    const messages = [
      held({ seq: 1, size: 2 * FRAGMENT_BYTES }),
      held({ seq: 2, size: 2 * FRAGMENT_BYTES, to: OTHER }),
      held({ seq: 3 }),
      held({ seq: 4, size: LARGE }),
      held({ seq: 5, to: OTHER }),
      held({ seq: 6 }),
    ];
    for (const message of messages) line.send(message);
    line.turn();
    const unsent = line.large.takeAll();
    assert.deepEqual(
      unsent.map(({ seq }) => seq),
      [1, 3, 4, 6, 2, 5],
    );
    assert.deepEqual([line.large.isEmpty, line.large.bytes, line.large.hasOrdered, line.out], [true, 0, false, []]);
    assert.deepEqual(line.large.takeAll(), []);
  });

  test("fragments, carry the message's own kind, flags and numbers, and the time that is left at each", () => {
    const line = new Line();
    line.send(held({ seq: 7, size: 2 * FRAGMENT_BYTES, flags: FLAGS.metadata, epoch: 11, deadlineAt: 1_000 }));
    line.turn(400);
    assert.deepEqual(line.lastHeader, {
      kind: KIND.fragment,
      flags: 0,
      hops: MAX_HOPS,
      to: PEER,
      from: SELF,
      epoch: 11,
      seq: 7,
      remainingMs: 600,
    });
    line.turn(999.5);
    assert.equal(line.lastHeader?.remainingMs, 1);
  });

  test("any messages, turns and withdrawals, keep the order of each pair and lose nothing else", () => {
    const step = fc.oneof(
      fc.record(
        {
          type: fc.constant("send" as const),
          to: fc.constantFrom(PEER, OTHER),
          kind: fc.constantFrom(KIND.request, KIND.bytes, KIND.reply),
          size: fc.constantFrom(4, 4, 100, LARGE, 2 * FRAGMENT_BYTES + 1),
        },
        { noNullPrototype: true },
      ),
      fc.constant({ type: "turn" as const }),
      fc.record({ type: fc.constant("withdraw" as const), which: fc.nat() }, { noNullPrototype: true }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const line = new Line();
        const sent: HeldMessage[] = [];
        const withdrawn = new Set<number>();
        for (const next of steps) {
          if (next.type === "send") {
            const message = held({ seq: sent.length + 1, to: next.to, kind: next.kind, size: next.size });
            sent.push(message);
            line.send(message);
          } else if (next.type === "turn") line.turn();
          else {
            const requests = sent.filter(({ kind, seq }) => kind === KIND.request && !withdrawn.has(seq));
            const message = requests[next.which % requests.length];
            if (message === undefined) continue;
            const isOut = line.log.includes(`${message.seq}`);
            assert.equal(line.withdraw(message) === "absent", isOut);
            if (!isOut) withdrawn.add(message.seq);
          }
        }
        line.drain();
        const arrived = line.log.filter((entry) => /^\d+$/.test(entry)).map(Number);
        assert.deepEqual(
          [...arrived].sort((a, b) => a - b),
          sent.map(({ seq }) => seq).filter((seq) => !withdrawn.has(seq)),
        );
        for (const to of [PEER, OTHER]) {
          const ordered = arrived.filter((seq) => sent[seq - 1]!.to === to && isOrdered(sent[seq - 1]!.kind));
          assert.deepEqual(
            ordered,
            [...ordered].sort((a, b) => a - b),
          );
        }
        assert.deepEqual([line.large.bytes, line.large.hasOrdered, line.unfinishedAtPeer], [0, false, 0]);
      }),
      { numRuns: 60 },
    );
  });
});
