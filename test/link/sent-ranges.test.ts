import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import { SentRanges } from "../../src/link/sent-ranges.js";
import { nextSeq, seqBefore } from "../../src/wire/header.js";

suite("sent ranges", () => {
  test("thousands of millions of numbers over one connection, still cover the latest, and not the next", () => {
    const sent = new SentRanges();
    const one = parseAddress("1.1.1");
    const other = parseAddress("1.1.2");
    let seq = 1;
    for (let i = 0; i < 40; i++) {
      sent.add(one, seq);
      if (i % 4 === 0) sent.add(other, 5 + i);
      const { first, last } = [...sent][0]!;
      assert.equal(last, seq);
      assert.ok(!seqBefore(seq, first), `${seq} is behind ${first}`);
      const inFlight = (seq - Math.min(i * 1_000, 65_536)) >>> 0 || 1;
      assert.ok(i === 0 || !seqBefore(inFlight, first), "calls in flight are within");
      assert.ok(seqBefore(last, nextSeq(seq)));
      seq = (seq + 300_000_000) >>> 0 || 1;
    }
  });
});
