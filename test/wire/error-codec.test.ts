import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { decodeError, encodeError, type WireError } from "../../src/wire/error-codec.js";
import { MAX_CODE_BYTES, MAX_DETAILS_BYTES, MAX_REASON_BYTES, MAX_WHOLE_BODY_BYTES } from "../../src/wire/limits.js";

suite("errors on the wire", () => {
  const plain: WireError = { code: "INTERNAL", appCode: 0, reason: "", details: undefined, path: [], execution: undefined };
  const back = (error: WireError): WireError => {
    const body = encodeError(error);
    return decodeError(body, 0, body.length);
  };

  test("any error within the limits, comes back", () => {
    const arbitrary = fc.record(
      {
        code: fc.string({ unit: "binary", maxLength: 16 }),
        appCode: fc.integer(),
        reason: fc.string({ unit: "binary" }),
        details: fc.option(
          fc.uint8Array({ minLength: 1 }).map((bytes) => Uint8Array.from(bytes)),
          { nil: undefined },
        ),
        path: fc.array(
          fc.nat(0xffff_ffff).map((address) => address as LogicalAddress),
          { maxLength: 8 },
        ),
        execution: fc.constantFrom("notRun" as const, "unknown" as const, "ran" as const, undefined),
      },
      { noNullPrototype: true },
    );
    fc.assert(fc.property(arbitrary, (error) => assert.deepEqual(back(error), error)));
  });

  test("texts over their limits, are cut at a character; the body always fits into one frame", () => {
    const arbitrary = fc.tuple(
      fc.string({ unit: "binary", minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.nat(40_000),
    );
    fc.assert(
      fc.property(arbitrary, ([unit, times, size]) => {
        const text = unit.repeat(times);
        const error = { ...plain, code: text, reason: text, details: new Uint8Array(size), path: Array(20).fill(0) as LogicalAddress[] };
        assert.ok(encodeError(error).length < MAX_WHOLE_BODY_BYTES);
        const { code, reason, details, path } = back(error);
        assert.ok(text.startsWith(code) && Buffer.byteLength(code) <= MAX_CODE_BYTES);
        assert.ok(Buffer.byteLength(reason) <= MAX_REASON_BYTES);
        assert.equal(path.length, 8);
        if (size === 0) assert.equal(details, undefined);
        else if (size <= MAX_DETAILS_BYTES) assert.equal(details?.length, size);
        else assert.equal(details, undefined);
        if (size <= MAX_DETAILS_BYTES) assert.ok(text.startsWith(reason));
        else assert.ok(reason.endsWith(` (details of ${size} bytes were left out: more than ${MAX_DETAILS_BYTES})`));
      }),
    );
  });

  test("details over the limit, are left out and not sent in part", () => {
    const { details, reason } = back({ ...plain, reason: "why", details: new Uint8Array(MAX_DETAILS_BYTES + 1) });
    assert.deepEqual([details, reason], [undefined, "why (details of 16385 bytes were left out: more than 16384)"]);
    assert.equal(back({ ...plain, details: new Uint8Array(MAX_DETAILS_BYTES) }).details?.length, MAX_DETAILS_BYTES);
  });

  test("an appCode that has no 32 bits, is left out and not sent as another number", () => {
    for (const appCode of [2 ** 31, 1.5, Number.NaN, -(2 ** 31) - 1]) {
      const error = back({ ...plain, reason: "why", appCode });
      assert.deepEqual([error.appCode, error.reason], [0, `why (appCode ${appCode} was left out: no 32-bit integer)`]);
    }
  });

  test("a text that begins with a byte order mark, keeps it", () => {
    assert.equal(back({ ...plain, reason: "\ufeffwhy" }).reason, "\ufeffwhy");
  });

  test("fields of newer peers, are ignored; an execution that is not known is as the kind of the frame says", () => {
    const body = Buffer.concat([
      Buffer.from([7, 0, 1, 9, 0, 0, 0, 255, 0, 0]),
      encodeError({ ...plain, reason: "why" }),
      Buffer.from([6, 0, 1, 3]),
    ]);
    assert.deepEqual(decodeError(body, 0, body.length), { ...plain, reason: "why" });
  });

  test("a known field of a wrong size or one that comes twice, is an error", () => {
    for (const field of [
      [2, 0, 3, 0, 0, 0],
      [5, 0, 2, 0, 0],
      [6, 0, 0],
      [6, 0, 2, 0, 0],
      [1, 0, 0, 1, 0, 0],
      [3, 0, 0, 3, 0, 0],
      [5, 0, 0, 5, 0, 0],
    ]) {
      const body = Buffer.from(field);
      assert.throws(() => decodeError(body, 0, body.length), { name: "ProtocolError" }, field.join());
    }
  });

  test("no field at all, is an unknown error", () => {
    assert.deepEqual(decodeError(Buffer.alloc(0), 0, 0), { ...plain, code: "UNKNOWN" });
  });
});
