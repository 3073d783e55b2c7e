import assert from "node:assert/strict";
import { formatAddress, type LogicalAddress, parseAnyAddress } from "../../src/addr/logical-address.js";
import { decodeGoAway, encodeGoAway, type GoAwayReason } from "../../src/link/go-away.js";
import { refusalName } from "../../src/link/handshake-error.js";
import { SecretKey } from "../../src/link/keyring.js";
import { RecordReader } from "../../src/link/record-reader.js";
import { epochOf } from "../../src/node/incarnation.js";
import { nameHash } from "../../src/rpc/name-hash.js";
import { decodeError, encodeError } from "../../src/wire/error-codec.js";
import { FRAGMENT_HEAD_BYTES, FragmentAssembler, putFragmentHead } from "../../src/wire/fragment.js";
import { FrameReader } from "../../src/wire/frame-reader.js";
import { FrameWriter } from "../../src/wire/frame-writer.js";
import { decodeGone, encodeGone } from "../../src/wire/gone.js";
import { AT, decodeHeader, encodeFrame, FLAGS, KIND, putU32 } from "../../src/wire/header.js";
import { decodeHello, decodeRefusal, encodeHello, encodeRecord, encodeRefusal, type Hello, RECORD } from "../../src/wire/hello.js";
import { MAX_OPENING_BYTES, PREFACE } from "../../src/wire/limits.js";
import { decodeMetadata, encodeMetadata, metadataLength } from "../../src/wire/metadata.js";
import { everyCut, everyTwoCuts } from "./support/cuts.js";
import { hex, toHex, vectors } from "./support/golden.js";

/** Frames that a reader hands out of `chunks`, each as hex. */
function readFrames(chunks: Iterable<Buffer>): string[] {
  const frames: string[] = [];
  const reader = new FrameReader((buffer, start, end) => frames.push(toHex(buffer.subarray(start, end))));
  for (const chunk of chunks) reader.push(chunk);
  assert.equal(reader.heldBytes, 0);
  return frames;
}

/** Records behind a preface that a reader hands out of `chunks`, each as hex. */
function readRecords(chunks: Iterable<Buffer>): string[] {
  const records: string[] = [];
  const reader = new RecordReader();
  for (const chunk of chunks) {
    reader.push(chunk);
    for (let record = reader.next(); record !== undefined; record = reader.next()) records.push(toHex(record.raw));
  }
  assert.equal(reader.rest.length, 0);
  return records;
}

suite("golden vectors: encoded to exactly these bytes, and read back", () => {
  test("preface", () => {
    assert.equal(toHex(Uint8Array.from(PREFACE)), vectors.preface);
  });

  test("addresses", () => {
    for (const { text, number } of vectors.addresses) {
      assert.equal(parseAnyAddress(text), number);
      assert.equal(formatAddress(number as LogicalAddress), text);
    }
  });

  test("epochs of incarnations", () => {
    for (const { incarnation, epoch } of vectors.epochs) assert.equal(epochOf(BigInt(incarnation)), epoch);
  });

  test("hashes of names", () => {
    for (const { name, hash } of vectors.nameHashes) assert.equal(nameHash(name), hash, name);
  });

  test("ids of secrets", () => {
    for (const { secret, id } of vectors.keyIds) assert.equal(toHex(new SecretKey(secret).id), id);
  });

  test("proofs", () => {
    for (const { secret, role, purpose, dialerHello, acceptorHello, binding, mac } of vectors.proofs) {
      const bound = binding === "" ? undefined : hex(binding);
      assert.equal(toHex(new SecretKey(secret).prove(role, purpose, hex(dialerHello), hex(acceptorHello), bound)), mac);
    }
    assert.equal(new Set(vectors.proofs.map(({ mac }) => mac)).size, vectors.proofs.length, "no two are alike");
  });

  for (const { name, hex: bytes, fields } of vectors.hellos) {
    test(`hello: ${name}`, () => {
      const hello: Hello = {
        ...fields,
        fromIncarnation: BigInt(fields.fromIncarnation),
        toIncarnation: BigInt(fields.toIncarnation),
        nonce: hex(fields.nonce),
        keyIds: fields.keyIds.map(hex),
      };
      assert.equal(toHex(encodeRecord(RECORD.hello, encodeHello(hello))), bytes);
      const decoded = decodeHello(hex(bytes).subarray(3));
      assert.deepEqual(
        { ...decoded, nonce: toHex(decoded.nonce), keyIds: decoded.keyIds.map(toHex) },
        { ...hello, nonce: fields.nonce, keyIds: [...fields.keyIds] },
      );
    });
  }

  test("refusals", () => {
    for (const { hex: bytes, number, reason, text } of vectors.refusals) {
      assert.equal(toHex(encodeRecord(RECORD.refused, encodeRefusal(number, text))), bytes);
      assert.deepEqual(decodeRefusal(hex(bytes).subarray(3)), { reason: number, text });
      assert.equal(refusalName(number), reason);
    }
  });

  for (const { name, hex: bytes, entries } of vectors.metadata) {
    test(`metadata: ${name}`, () => {
      const encoded = encodeMetadata(new Map(entries.map(([key, value]) => [key, hex(value)])));
      assert.equal(toHex(encoded), bytes);
      assert.equal(toHex(encodeMetadata(Object.fromEntries(entries.map(([key, value]) => [key, hex(value)])))).length, bytes.length);
      const body = Buffer.concat([Buffer.from("??"), hex(bytes), Buffer.from("payload")]);
      const end = 2 + metadataLength(body, 2, body.length);
      assert.equal(body.subarray(end).toString(), "payload");
      assert.deepEqual(
        [...decodeMetadata(body, 2, end)].map(([key, value]) => [key, toHex(value)]),
        entries,
      );
    });
  }

  for (const { name, hex: bytes, fields } of vectors.errors) {
    test(`error body: ${name}`, () => {
      const error = {
        ...fields,
        details: fields.details === null ? undefined : new Uint8Array(hex(fields.details)),
        path: fields.path.map(parseAnyAddress),
        execution: fields.execution ?? undefined,
      };
      assert.equal(toHex(encodeError(error)), bytes);
      const within = Buffer.concat([Buffer.from([0xff, 0xff]), hex(bytes), Buffer.from([0x01])]);
      const decoded = decodeError(within, 2, within.length - 1);
      assert.deepEqual({ ...decoded, details: decoded.details && new Uint8Array(decoded.details) }, error);
    });
  }

  test("go-aways", () => {
    for (const { hex: bytes, reason, lastSeq, text } of vectors.goAways) {
      assert.equal(toHex(encodeGoAway(reason as GoAwayReason, text, lastSeq)), bytes);
      const within = Buffer.concat([Buffer.from([9]), hex(bytes), Buffer.from("x")]);
      assert.deepEqual(decodeGoAway(within, 1, within.length - 1), { reason, lastSeq, text });
    }
  });

  test("gones", () => {
    for (const { hex: bytes, target, lastSeq } of vectors.gones) {
      assert.equal(toHex(encodeGone({ target: target as LogicalAddress, lastSeq })), bytes);
      const within = Buffer.concat([Buffer.from([9]), hex(bytes), Buffer.from("a newer peer's")]);
      assert.deepEqual(decodeGone(within, 1, within.length), { target, lastSeq });
    }
  });

  for (const { name, hex: bytes, header, body } of vectors.frames) {
    test(`frame: ${name}`, () => {
      assert.equal(toHex(encodeFrame(header, hex(body))), bytes);
      const { kind, flags, hops, to, from, epoch, seq, remainingMs } = header;
      const writer = new FrameWriter();
      writer.begin(body.length).raw(hex(body));
      writer.commit(kind, flags, hops, to, from, epoch, seq, remainingMs);
      let written = "";
      writer.flush((frames) => {
        written = toHex(frames);
        return true;
      });
      assert.equal(written, bytes);
      assert.deepEqual(decodeHeader(hex(bytes)), header);
      assert.equal(toHex(hex(bytes).subarray(AT.body)), body);
    });
  }

  test("every kind and every record type has a vector", () => {
    const kinds = new Set(vectors.frames.map(({ header }) => header.kind));
    for (const [name, kind] of Object.entries(KIND)) assert.ok(kind === KIND.fragment || kinds.has(kind), name);
    const types = [...vectors.openings.flatMap(({ dialerProof, accepted }) => [dialerProof, accepted]), vectors.waits[0]!.hex];
    const all = new Set([...types, vectors.hellos[0]!.hex, vectors.refusals[0]!.hex].map((record) => hex(record)[0]!));
    assert.deepEqual([...all].sort(), Object.values(RECORD).sort());
  });

  for (const { name, kind, flags, body, frames } of vectors.fragments) {
    test(`fragments: ${name}`, () => {
      const whole = hex(body);
      const cut = hex(frames[0]!).length - AT.body - FRAGMENT_HEAD_BYTES;
      const assembler = new FragmentAssembler({ maxPayloadBytes: 100, maxPartialBytes: 100 });
      const results = frames.map((bytes, index) => {
        const frame = hex(bytes);
        const head = Buffer.alloc(FRAGMENT_HEAD_BYTES);
        putFragmentHead(head, 0, kind, flags, whole.length, index * cut);
        const piece = whole.subarray(index * cut, (index + 1) * cut);
        assert.equal(toHex(encodeFrame(decodeHeader(frame), Buffer.concat([head, piece]))), bytes);
        const { from, epoch, seq, flags: frameFlags } = decodeHeader(frame);
        return assembler.add(from, epoch, seq, frameFlags, frame, AT.body, frame.length, 0, 1_000);
      });
      assert.deepEqual(
        results.slice(0, -1).map(({ type }) => type),
        results.slice(1).map(() => "more"),
      );
      assert.deepEqual(results.at(-1), { type: "whole", kind, flags, body: whole });
      assert.equal(assembler.partialBytes, 0);
    });
  }

  test("a fragment that aborts, drops what had come of its message", () => {
    const frame = hex(vectors.abort);
    const { kind, flags, from, epoch, seq } = decodeHeader(frame);
    assert.deepEqual([kind, flags], [KIND.fragment, FLAGS.abort]);
    const assembler = new FragmentAssembler({ maxPayloadBytes: 100, maxPartialBytes: 100 });
    const head = Buffer.alloc(FRAGMENT_HEAD_BYTES + 1);
    putFragmentHead(head, 0, KIND.request, 0, 2, 0);
    assert.equal(assembler.add(from, epoch, seq, 0, head, 0, head.length, 0, 1_000).type, "more");
    assert.equal(assembler.add(from, epoch, seq, flags, frame, AT.body, frame.length, 0, 1_000).type, "aborted");
    assert.equal(assembler.partialBytes, 0);
  });
});

suite("golden vectors: however they are cut", () => {
  test("each frame, at every place and byte by byte, is read as it was", () => {
    for (const { name, hex: bytes } of vectors.frames)
      for (const chunks of everyCut(hex(bytes))) assert.deepEqual(readFrames(chunks), [bytes], name);
  });

  test("all frames in one stream, at every place and byte by byte, are read as they were", () => {
    const all = [...vectors.frames.map(({ hex: bytes }) => bytes), ...vectors.fragments.flatMap(({ frames }) => frames), vectors.abort];
    for (const chunks of everyCut(hex(all.join("")))) assert.deepEqual(readFrames(chunks), all);
  });

  test("frames in one stream, at every two places, are read as they were", () => {
    const some = vectors.frames
      .filter(({ name }) => ["request", "ping", "reply that is empty", "go-away", "cancel"].includes(name))
      .map(({ hex: bytes }) => bytes);
    for (const chunks of everyTwoCuts(hex(some.join("")))) assert.deepEqual(readFrames(chunks), some);
  });

  test("each record behind the preface, at every place and byte by byte, is read as it was", () => {
    const all = [...vectors.hellos, ...vectors.refusals, ...vectors.waits].map(({ hex: bytes }) => bytes);
    for (const bytes of all) {
      assert.ok(bytes.length / 2 < MAX_OPENING_BYTES);
      for (const chunks of everyCut(hex(vectors.preface + bytes))) assert.deepEqual(readRecords(chunks), [bytes]);
    }
  });

  test("records in one stream, at every two places, are read as they were", () => {
    const { acceptorHello, acceptorProof, accepted } = vectors.openings[1]!;
    const records = [acceptorHello.slice(vectors.preface.length), acceptorProof, vectors.waits[1]!.hex, accepted];
    for (const chunks of everyTwoCuts(hex(vectors.preface + records.join("")))) assert.deepEqual(readRecords(chunks), records);
  });

  test("a body that is cut off anywhere, is refused or lacks its last fields, and nothing else happens", () => {
    const errors = vectors.errors.find(({ name }) => name === "all fields")!;
    const whole = hex(errors.hex);
    let refused = 0;
    for (let end = 0; end < whole.length; end++) {
      try {
        const { code } = decodeError(whole, 0, end);
        assert.ok(end === 0 ? code === "UNKNOWN" : code === "NOT_FOUND");
      } catch (error) {
        assert.equal((error as Error).name, "ProtocolError");
        refused++;
      }
    }
    assert.equal(whole.length - refused, 6, "an error is whole behind nothing and behind each field but the last");
    for (const { hex: bytes } of vectors.hellos) {
      const body = hex(bytes).subarray(3);
      // The last field is for people and may be left out.
      const needed = body.length - 4 - Buffer.byteLength(decodeHello(body).software);
      for (let end = 0; end < body.length; end++) {
        if (end === needed) assert.equal(decodeHello(body.subarray(0, end)).software, "");
        else assert.throws(() => decodeHello(body.subarray(0, end)), { name: "ProtocolError" });
      }
    }
  });

  test("a length that is wrong in either direction, is found out", () => {
    for (const length of [0, 23, 24 + 66_561, 0xffffffff]) {
      const frame = hex(vectors.frames[0]!.hex);
      putU32(frame, 0, length);
      for (const chunks of everyCut(frame)) assert.throws(() => readFrames(chunks), { name: "ProtocolError", message: /^frame length/ });
    }
  });
});
