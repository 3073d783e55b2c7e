import assert from "node:assert/strict";
import fc from "fast-check";
import {
  describeHarborReset,
  HARBOR_REASON,
  type HarborReason,
  harborReset,
  readHarborReset,
  wasNeverAsked,
} from "../../src/stream/harbor-reset.js";
import { FIRST_APPLICATION_RESET, RESET } from "../../src/stream/reset-code.js";
import { resetByPeer, resetCodeFor } from "../../src/stream/stream-error.js";

const REASONS = Object.keys(HARBOR_REASON) as HarborReason[];

suite("what a harbor says by a reset", () => {
  test("any reason of any harbor, is read as it was written, below the application's codes and beside the others", () => {
    const ids = fc.option(fc.nat(4_095), { nil: undefined });
    fc.assert(
      fc.property(fc.constantFrom(...REASONS), ids, (reason, id) => {
        const code = harborReset(reason, id);
        assert.deepEqual(readHarborReset(code), { reason, id });
        assert.ok(code < FIRST_APPLICATION_RESET && !Object.values<number>(RESET).includes(code));
      }),
    );
  });

  test("any other code, is no harbor's word", () => {
    for (const code of [...Object.values(RESET), 7, 14, 28, 29, 61_470, 65_535, 65_536, 0xffff_ffff])
      assert.equal(readHarborReset(code), undefined, `${code}`);
    assert.notEqual(readHarborReset(61_469 - 2), undefined);
  });

  test("before the acknowledgment, is a refusal where nobody was asked, and else a loss; after it always a loss", () => {
    for (const reason of REASONS) {
      const before = resetByPeer(5, "1.255.1", harborReset(reason, 7), false);
      assert.deepEqual([before.reason, before.resetCode], [wasNeverAsked(reason) ? "refused" : "lost", harborReset(reason, 7)]);
      assert.match(before.message, /stream 5 to 1\.255\.1 was (refused|lost): harbor 7 behind it /);
      assert.equal(resetByPeer(5, "1.255.1", harborReset(reason), true).reason, "lost");
    }
    assert.equal(describeHarborReset({ reason: "gone", id: undefined }), "the harbor lost its connection to the next node on the way");
  });

  test("is not said by whoever destroys another stream because of it", () => {
    assert.equal(resetCodeFor(resetByPeer(1, "1.255.1", harborReset("gone"), true)), RESET.failed);
  });
});
