import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { SentRanges } from "../../src/link/sent-ranges.js";
import { nextSeq, seqBefore } from "../../src/wire/header.js";

const TO = 1 as LogicalAddress;
const holds = (ranges: SentRanges, to: LogicalAddress, seq: number): boolean =>
  ranges.has(to, seq) && [...ranges].some((range) => range.to === to && !seqBefore(seq, range.first) && !seqBefore(range.last, seq));

suite("sent ranges", () => {
  test("any numbers to any targets, and each range holds exactly those from its first to its last", () => {
    const start = fc.oneof(fc.constant(1), fc.nat(0xffff_ffff), fc.constantFrom(0xffff_fffe, 0x7fff_ffff));
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(2), fc.nat(3)), { minLength: 1, maxLength: 50 }), start, (messages, first) => {
        const ranges = new SentRanges();
        const next = new Map<number, number>();
        const sent = new Map<number, number[]>();
        for (const [to, skipped] of messages) {
          let seq = next.get(to) ?? first;
          for (let i = 0; i < skipped; i++) seq = nextSeq(seq); // withdrawn, or sent elsewhere
          next.set(to, nextSeq(seq));
          sent.set(to, [...(sent.get(to) ?? []), seq]);
          ranges.add(to as LogicalAddress, seq);
        }
        assert.equal([...ranges].length, sent.size);
        for (const [to, seqs] of sent) {
          for (const seq of seqs) assert.ok(holds(ranges, to as LogicalAddress, seq));
          assert.ok(!holds(ranges, to as LogicalAddress, (seqs[0]! - 1) >>> 0));
          assert.ok(!holds(ranges, to as LogicalAddress, nextSeq(seqs.at(-1)!)));
        }
      }),
    );
  });

  test("more than half of all numbers over one connection, and the newest are still held: their calls fail with it", () => {
    const ranges = new SentRanges();
    const step = 1_000_003;
    let seq = 1;
    for (let sent = 0; sent < 3 * 2 ** 32; sent += step) {
      seq = (seq + step) >>> 0;
      ranges.add(TO, seq);
      assert.ok(holds(ranges, TO, seq));
      if (sent > step) assert.ok(holds(ranges, TO, (seq - step) >>> 0));
      assert.ok(!holds(ranges, TO, (seq + 1) >>> 0));
    }
  });

  test("targets that alternate, keep one range each", () => {
    const ranges = new SentRanges();
    for (let seq = 1; seq <= 5; seq++) for (const to of [1, 2]) ranges.add(to as LogicalAddress, seq + to * 100);
    assert.deepEqual(
      [...ranges],
      [
        { to: 1, first: 101, last: 105 },
        { to: 2, first: 201, last: 205 },
      ],
    );
  });

  test("what went out last, is known while there is one target, and not claimed with more", () => {
    const [one, other] = [1 as LogicalAddress, 2 as LogicalAddress];
    const sent = new SentRanges();
    assert.equal(sent.endsWith(one, 0), false);
    sent.add(one, 1);
    sent.add(one, 2);
    assert.deepEqual([sent.endsWith(one, 1), sent.endsWith(one, 2), sent.endsWith(other, 2)], [false, true, false]);
    sent.add(other, 1);
    assert.equal(sent.endsWith(one, 2), false);
    sent.forget(other);
    assert.equal(sent.endsWith(one, 2), false, "the other one's may be unread");
    assert.equal(sent.count, 3);
  });
});
