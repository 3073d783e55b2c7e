import assert from "node:assert/strict";
import { decodeMetadata, encodeMetadata, metadataLength } from "../../src/wire/metadata.js";
import { hex, vectors } from "./support/golden.js";

suite("metadata of a peer", () => {
  const decode = (...entries: [string | Uint8Array, Uint8Array][]): Map<string, Uint8Array> => {
    const parts = entries.map(([key, value]) => {
      const bytes = typeof key === "string" ? Buffer.from(key) : key;
      return Buffer.concat([Buffer.from([bytes.length]), bytes, Buffer.from([value.length >>> 8, value.length]), value]);
    });
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    const body = Buffer.concat([Buffer.from([size >>> 8, size]), ...parts]);
    return new Map(decodeMetadata(body, 0, metadataLength(body, 0, body.length)));
  };
  const none = Buffer.alloc(0);

  test("a key that nobody may send, is an error: it could not be passed on", () => {
    for (const key of ["", "Key", "a b", "-a", "größe", "a".repeat(129), Buffer.from([0x80]), Buffer.from([0x61, 0])])
      assert.throws(() => decode([key, none]), { name: "ProtocolError", message: /^metadata has the key/ });
  });

  test("a key that comes twice, is an error", () => {
    assert.throws(() => decode(["a", none], ["b", none], ["a", Buffer.from("x")]), {
      name: "ProtocolError",
      message: 'metadata has the key "a" twice',
    });
  });

  test("65 entries or more than 8 KiB, are an error", () => {
    const many = Array.from({ length: 65 }, (_, i): [string, Uint8Array] => [`k${i}`, none]);
    assert.equal(decode(...many.slice(1)).size, 64);
    assert.throws(() => decode(...many), { name: "ProtocolError", message: /more than 64 entries/ });
    assert.equal(decode(["k", Buffer.alloc(8192 - 4)]).size, 1);
    assert.throws(() => decode(["k", Buffer.alloc(8192 - 3)]), { name: "ProtocolError", message: /at most 8192/ });
  });

  test("values, are copies: the bytes of the frame may be kept no longer than it", () => {
    const body = hex(vectors.metadata[1]!.hex);
    const map = decodeMetadata(body, 0, body.length);
    body.fill(0);
    assert.equal(Buffer.from(map.get("traceparent")!).toString(), "00-ab-cd-01");
  });

  test("what a caller writes wrongly, is named before anything is sent", () => {
    assert.throws(() => encodeMetadata({ Key: "x" }), /metadata key "Key"/);
    assert.throws(() => encodeMetadata({ key: 5 as unknown as string }), /metadata "key" is neither/);
    assert.throws(() => encodeMetadata(Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ""]))), /65 entries/);
    assert.throws(() => encodeMetadata({ k: "ü".repeat(4096) }), /takes 8196 bytes/);
  });
});
