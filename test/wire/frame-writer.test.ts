import assert from "node:assert/strict";
import fc from "fast-check";
import { giveBuffer, POOLED_BYTES, takeBuffer } from "../../src/internal/buffer-pool.js";
import { FrameWriter, NestedEncodingError } from "../../src/wire/frame-writer.js";
import { encodeFrame, type FrameHeader } from "../../src/wire/header.js";
import { HEADER_BYTES } from "../../src/wire/limits.js";
import { toHex } from "./support/golden.js";

const HEADER: FrameHeader = { kind: 1, flags: 0, hops: 4, to: 2, from: 3, epoch: 4, seq: 5, remainingMs: 6 };

function commit(writer: FrameWriter, { kind, flags, hops, to, from, epoch, seq, remainingMs }: FrameHeader = HEADER): void {
  writer.commit(kind, flags, hops, to, from, epoch, seq, remainingMs);
}

function write(writer: FrameWriter, text: string, header = HEADER): void {
  writer.begin(text.length).raw(Buffer.from(text));
  commit(writer, header);
}

/** What a flush hands to the transport, copied; `""` when it hands nothing over. */
function flushed(writer: FrameWriter, left = true): string {
  let bytes = "";
  writer.flush((frames) => {
    bytes = toHex(frames);
    return left;
  });
  return bytes;
}

const frameOf = (body: Uint8Array, header = HEADER): string => toHex(encodeFrame(header, body));
const textFrame = (text: string): string => frameOf(Buffer.from(text));

/** One thing that a link does with its writer. Sizes reach from nothing to beyond the pooled buffer. */
type Step =
  | { readonly type: "commit" | "extract" | "abandon" | "fail"; readonly size: number; readonly pieces: number }
  | { readonly type: "append"; readonly size: number }
  | { readonly type: "flush"; readonly left: boolean }
  | { readonly type: "discard" };

const size = fc.oneof(
  fc.nat(40),
  fc.nat(3_000),
  fc.integer({ min: 30_000, max: 70_000 }),
  fc.constantFrom(POOLED_BYTES - HEADER_BYTES, POOLED_BYTES * 2 + 5),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        type: fc.constantFrom("commit" as const, "extract" as const, "abandon" as const, "fail" as const),
        size,
        pieces: fc.integer({ min: 1, max: 4 }),
      },
      { noNullPrototype: true },
    ),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("append" as const), size }, { noNullPrototype: true }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("flush" as const), left: fc.boolean() }, { noNullPrototype: true }) },
  { weight: 1, arbitrary: fc.constant({ type: "discard" as const }) },
);

suite("frame writer", () => {
  test("any sequence of steps, writes the frames that were committed and no others, in order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const writer = new FrameWriter();
        let expected: Buffer[] = [];
        const kept: { readonly given: Uint8Array; readonly copy: Buffer }[] = [];
        steps.forEach((next, number) => {
          const header = { ...HEADER, seq: number };
          const body = "size" in next ? Buffer.alloc(next.size, number + 1) : Buffer.alloc(0);
          switch (next.type) {
            case "commit":
            case "extract":
            case "abandon":
            case "fail": {
              const into = writer.begin(next.type === "fail" ? Math.max(0, body.length - 1) : body.length);
              const piece = Math.ceil(body.length / next.pieces);
              const encode = (): void => {
                for (let at = 0; at < body.length; at += piece) into.raw(body.subarray(at, at + piece));
              };
              if (next.type === "fail" && body.length > 0) assert.throws(encode, { name: "MessageTooLargeError" });
              else encode();
              if (next.type !== "fail") assert.equal(writer.bodyLength, body.length);
              if (next.type === "commit") {
                commit(writer, header);
                expected.push(Buffer.from(encodeFrame(header, body)));
              } else if (next.type === "extract") {
                const frame = writer.extract();
                assert.equal(frame.length, HEADER_BYTES + body.length);
                assert.ok(body.equals(frame.subarray(HEADER_BYTES)));
              } else writer.abandon();
              break;
            }
            case "append": {
              const frame = Buffer.from(encodeFrame(header, body));
              writer.append(frame);
              expected.push(frame);
              break;
            }
            case "flush":
              writer.flush((frames) => {
                assert.ok(Buffer.concat(expected).equals(frames));
                if (!next.left) kept.push({ given: frames, copy: Buffer.from(frames) });
                return next.left;
              });
              expected = [];
              break;
            case "discard":
              writer.discard();
              expected = [];
              break;
          }
          assert.equal(
            writer.length,
            expected.reduce((sum, frame) => sum + frame.length, 0),
          );
        });
        for (const { given, copy } of kept) assert.ok(copy.equals(given), "what the transport keeps is not written to");
      }),
      { numRuns: 150 },
    );
  });

  test("a body without a byte behind a nearly full buffer, has its header", () => {
    for (let room = 0; room <= HEADER_BYTES * 2 + 1; room++) {
      const writer = new FrameWriter();
      const first = Buffer.alloc(POOLED_BYTES - HEADER_BYTES - room, 9);
      writer.begin(first.length).raw(first);
      commit(writer);
      writer.begin(0);
      commit(writer, { ...HEADER, seq: 99 });
      assert.equal(flushed(writer), frameOf(first) + frameOf(Buffer.alloc(0), { ...HEADER, seq: 99 }), `${room} bytes left`);
    }
  });

  test("an encoder that fails halfway, leaves the frames before it as they were", () => {
    const writer = new FrameWriter();
    write(writer, "before");
    assert.throws(() => writer.begin(3).raw(Buffer.from("abc")).raw(Buffer.from("d")), { name: "MessageTooLargeError" });
    writer.abandon();
    write(writer, "behind");
    assert.equal(flushed(writer), textFrame("before") + textFrame("behind"));
  });

  test("bytes that have left, and their buffer is used again; a buffer that the transport keeps is not", () => {
    const writer = new FrameWriter();
    const given: ArrayBufferLike[] = [];
    for (const left of [true, false, true]) {
      write(writer, "x");
      writer.flush((frames) => {
        given.push(frames.buffer);
        return left;
      });
    }
    assert.equal(given[0], given[1]);
    assert.notEqual(given[1], given[2]);
  });

  test("nothing to send, and the writer owns no buffer", () => {
    const before = takeBuffer();
    giveBuffer(before);
    const writer = new FrameWriter();
    const pooledIsFree = (): boolean => {
      const taken = takeBuffer();
      giveBuffer(taken);
      return taken === before;
    };
    writer.begin(10);
    assert.equal(pooledIsFree(), false);
    writer.abandon();
    assert.equal(pooledIsFree(), true);
    writer.begin(10);
    writer.extract();
    assert.equal(pooledIsFree(), true);
    write(writer, "x");
    writer.discard();
    assert.equal(pooledIsFree(), true);
    write(writer, "x");
    assert.notEqual(flushed(writer), "");
    assert.equal(pooledIsFree(), true);
    assert.equal(flushed(writer), "");
  });

  test("a large body alone in its turn, is given away where it was written; one that leaves most of its buffer unused is copied", () => {
    const memoryFor = (bytes: number, pieces: number): number => {
      const writer = new FrameWriter();
      const body = writer.begin(bytes);
      for (let i = 0; i < pieces; i++) body.raw(new Uint8Array(bytes / pieces));
      const grown = body.buf;
      const frame = writer.extract();
      assert.equal(frame.length, HEADER_BYTES + bytes);
      const given = frame.buffer === grown.buffer;
      assert.equal(given, frame.buffer.byteLength > frame.length || pieces === 1);
      write(writer, "behind it");
      assert.equal(flushed(writer), textFrame("behind it"));
      assert.ok(
        frame.subarray(HEADER_BYTES).every((byte) => byte === 0),
        "nothing else is written there",
      );
      return frame.buffer.byteLength / frame.length;
    };
    assert.equal(memoryFor(POOLED_BYTES * 4, 1), 1);
    assert.ok(memoryFor(POOLED_BYTES * 7, 7) < 1.4);
    assert.equal(memoryFor(POOLED_BYTES * 4.5, 9), 1, "a copy");
  });

  test("nearly full, before the buffer has to grow", () => {
    const writer = new FrameWriter();
    write(writer, "x".repeat(POOLED_BYTES / 2 - HEADER_BYTES));
    assert.equal(writer.nearlyFull, false);
    write(writer, "");
    assert.equal(writer.nearlyFull, true);
  });
});

suite("a message that is sent from inside the encoding of another one", () => {
  test("is refused; the outer one and the frames before it are sent as they are", () => {
    for (const end of ["commit", "extract"] as const) {
      for (const before of ["", "before"]) {
        const writer = new FrameWriter();
        if (before !== "") write(writer, before);
        const outer = writer.begin(1_000_000).raw(Buffer.from("first half; "));
        assert.equal(writer.isOpen, true);
        for (let times = 0; times < 2; times++) assert.throws(() => writer.begin(1), NestedEncodingError);
        assert.throws(() => writer.append(encodeFrame(HEADER, Buffer.from("inner"))), NestedEncodingError);
        outer.raw(Buffer.alloc(POOLED_BYTES, "o"));
        const body = `first half; ${"o".repeat(POOLED_BYTES)}`;
        if (end === "commit") commit(writer);
        else assert.equal(writer.extract().subarray(HEADER_BYTES).toString(), body);
        assert.equal(writer.isOpen, false);
        write(writer, "behind");
        assert.equal(
          flushed(writer),
          (before === "" ? "" : textFrame(before)) + (end === "commit" ? textFrame(body) : "") + textFrame("behind"),
        );
      }
    }
  });

  test("an outer one that fails then, is forgotten, and the next one begins", () => {
    const writer = new FrameWriter();
    writer.begin(10).raw(Buffer.from("outer"));
    assert.throws(() => writer.begin(1), NestedEncodingError);
    writer.abandon();
    write(writer, "behind");
    assert.equal(flushed(writer), textFrame("behind"));
  });

  test("no body is open, and there is nothing to commit or to extract", () => {
    const writer = new FrameWriter();
    for (let times = 0; times < 2; times++) {
      assert.throws(() => commit(writer), /no body is open/);
      assert.throws(() => writer.extract(), /no body is open/);
      write(writer, "x");
    }
    assert.equal(flushed(writer), textFrame("x") + textFrame("x"));
  });

  test("nearly full, but not before the open body has ended: it would be lost", () => {
    const writer = new FrameWriter();
    write(writer, "x".repeat(POOLED_BYTES - 1_000));
    assert.equal(writer.nearlyFull, true);
    writer.begin(10);
    assert.equal(writer.nearlyFull, false);
    writer.abandon();
    assert.equal(writer.nearlyFull, true);
  });
});

suite("an encoder that ends its own link, or makes it send", () => {
  const acts: Readonly<Record<string, (writer: FrameWriter) => void>> = {
    discard: (writer) => writer.discard(),
    "flush that has left": (writer) => assert.equal(flushed(writer, true), textFrame("before")),
    "flush that the transport keeps": (writer) => assert.equal(flushed(writer, false), textFrame("before")),
  };
  for (const [title, act] of Object.entries(acts)) {
    test(`${title}: its body is lost, and it writes into nothing that others have taken`, () => {
      const writer = new FrameWriter();
      write(writer, "before");
      const outer = writer.begin(1_000_000).raw(Buffer.from("outer"));
      act(writer);
      const text = "of another link, long enough to lie where the lost message goes on";
      const others = [new FrameWriter(), writer, new FrameWriter()];
      for (const other of others) write(other, text);
      outer.raw(Buffer.alloc(300, "!"));
      for (const other of others) assert.equal(flushed(other), textFrame(text));
      assert.throws(() => commit(writer), /no body is open/);
    });
  }
});
