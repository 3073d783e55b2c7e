import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeGoAway, encodeGoAway } from "../../src/link/go-away.js";
import { decodeRefusal, encodeRefusal } from "../../src/wire/hello.js";
import { MAX_NOTE_BYTES } from "../../src/wire/limits.js";
import { cutText, decodeText } from "../../src/wire/text.js";

suite("texts that are cut", () => {
  test("any text at any limit, is the longest beginning in whole characters that fits", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), fc.nat(60), (text, max) => {
        const cut = cutText(text, max);
        const read = decodeText(cut);
        assert.ok(cut.length <= max && text.startsWith(read));
        const next = [...text.slice(read.length)][0];
        if (next !== undefined) assert.ok(cut.length + Buffer.byteLength(next) > max);
      }),
    );
  });

  test("refusals and go-aways, say whole characters and 400 bytes at most", () => {
    for (const before of ["", "a", "ab"]) {
      const text = before + "…".repeat(200);
      const refusal = decodeRefusal(encodeRefusal(1, text)).text;
      const body = Buffer.from(encodeGoAway("shutdown", text, 1));
      for (const said of [refusal, decodeGoAway(body, 0, body.length).text]) {
        assert.ok(text.startsWith(said) && !said.includes("\ufffd"));
        assert.ok(Buffer.byteLength(said) > MAX_NOTE_BYTES - 3 && Buffer.byteLength(said) <= MAX_NOTE_BYTES);
      }
    }
  });
});
