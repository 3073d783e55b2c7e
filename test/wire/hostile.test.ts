import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeGoAway } from "../../src/link/go-away.js";
import { HandshakeError } from "../../src/link/handshake-error.js";
import { RecordReader } from "../../src/link/record-reader.js";
import { decodeError } from "../../src/wire/error-codec.js";
import { decodeGone } from "../../src/wire/gone.js";
import { decodeHello, decodeRefusal } from "../../src/wire/hello.js";
import { MAX_OPENING_BYTES, PREFACE } from "../../src/wire/limits.js";
import { decodeMetadata, encodeMetadata, metadataLength } from "../../src/wire/metadata.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";
import { cutAt } from "./support/cuts.js";
import { hex, vectors } from "./support/golden.js";

/** Random bytes, and valid ones of which some were changed, cut off or repeated. */
function hostile(valid: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const changed = fc
    .tuple(fc.constantFrom(...valid), fc.array(fc.tuple(fc.nat(), fc.nat(0xff)), { maxLength: 4 }), fc.nat(), fc.nat())
    .map(([bytes, changes, from, to]) => {
      const copy = Buffer.from(bytes);
      for (const [place, value] of changes) if (copy.length > 0) copy[place % copy.length] = value;
      const [start, end] = [from % (copy.length + 1), to % (copy.length + 1)];
      return start < end ? Buffer.concat([copy, copy.subarray(start, end)]) : copy.subarray(0, start);
    });
  return fc.oneof(
    fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes)),
    changed,
  );
}

/** `decode` succeeds, or says that the peer is at fault; and it does not look beyond its bounds. */
function neverElse(bytes: Buffer, decode: (body: Buffer, start: number, end: number) => unknown): void {
  const outcome = (around: number): unknown => {
    const body = Buffer.concat([Buffer.alloc(3, around), bytes, Buffer.alloc(70, around)]);
    try {
      return decode(body, 3, 3 + bytes.length);
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error));
      return error.message;
    }
  };
  assert.deepEqual(outcome(0x00), outcome(0x01));
}

const runs = { numRuns: 1_000 };
const bodies = (list: readonly { readonly hex: string }[], skip = 0): Buffer[] => list.map((vector) => hex(vector.hex).subarray(skip));

suite("bytes of a hostile peer", () => {
  test("as a hello, are a hello or a protocol error", () => {
    fc.assert(
      fc.property(hostile(bodies(vectors.hellos, 3)), (bytes) =>
        neverElse(bytes, (body, start, end) => decodeHello(body.subarray(start, end))),
      ),
      runs,
    );
  });

  test("as a refusal, are a refusal or a protocol error", () => {
    fc.assert(
      fc.property(hostile(bodies(vectors.refusals, 3)), (bytes) =>
        neverElse(bytes, (body, start, end) => decodeRefusal(body.subarray(start, end))),
      ),
      runs,
    );
  });

  test("as an error body, are an error or a protocol error", () => {
    fc.assert(
      fc.property(hostile(bodies(vectors.errors.slice(0, -1))), (bytes) => neverElse(bytes, decodeError)),
      runs,
    );
  });

  test("as metadata, are metadata that could be sent on, or a protocol error", () => {
    fc.assert(
      fc.property(hostile(bodies(vectors.metadata)), (bytes) =>
        neverElse(bytes, (body, start, end) => {
          const length = metadataLength(body, start, end);
          const map = decodeMetadata(body, start, start + length);
          assert.equal(encodeMetadata(map).length, length);
          return [...map];
        }),
      ),
      runs,
    );
  });

  test("as a go-away or a gone, are one or a protocol error", () => {
    fc.assert(
      fc.property(hostile(bodies(vectors.goAways)), (bytes) => neverElse(bytes, decodeGoAway)),
      runs,
    );
    fc.assert(
      fc.property(hostile(bodies(vectors.gones)), (bytes) => neverElse(bytes, decodeGone)),
      runs,
    );
  });

  test("as an opening, are records or a handshake error, and no more than 1 KiB of them is held", () => {
    const valid = vectors.openings.map(({ dialerHello, dialerProof }) => hex(dialerHello + dialerProof));
    const places = fc.array(fc.nat(2_000), { maxLength: 6 });
    fc.assert(
      fc.property(hostile([...valid, Buffer.from(PREFACE)]), places, (bytes, cuts) => {
        const reader = new RecordReader();
        let taken = 0;
        try {
          for (const chunk of cutAt(bytes, ...cuts.filter((place) => place < bytes.length))) {
            reader.push(chunk);
            for (let record = reader.next(); record !== undefined; record = reader.next()) taken += record.raw.length;
            assert.ok(reader.rest.length + taken < MAX_OPENING_BYTES);
          }
        } catch (error) {
          assert.ok(error instanceof HandshakeError, String(error));
          assert.equal(error.reason, "malformed");
        }
      }),
      runs,
    );
  });
});
