import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeOpenHeader,
  encodeOpenHeader,
  MAX_OPEN_HEADER_BYTES,
  type OpenHeaderInit,
  openHeaderBytes,
} from "../../src/stream/open-header.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";

const plain: OpenHeaderInit = { to: 0x0010_1001, from: 0x0010_2001, remainingMs: 5_000, protocol: "game.v1", metadata: { token: "abc" } };

suite("open header", () => {
  test("the bytes of one, are these", () => {
    assert.equal(
      Buffer.from(encodeOpenHeader(plain)).toString("hex"),
      "0025" +
        "01" +
        "00" +
        "04" +
        "00" +
        "00101001" +
        "00102001" +
        "00001388" +
        "07" +
        "67616d652e7631" +
        "000b" +
        "05746f6b656e" +
        "0003616263",
    );
  });

  test("any header, is decoded to what was encoded, and its length known from two bytes", () => {
    const u32 = fc.nat(0xffff_ffff);
    const protocol = fc.stringMatching(/^[!-~]{1,128}$/);
    const metadata = fc.dictionary(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/), fc.uint8Array({ maxLength: 40 }), { maxKeys: 10 });
    fc.assert(
      fc.property(u32, u32, fc.nat(255), u32, protocol, metadata, (to, from, hops, remainingMs, name, values) => {
        const bytes = encodeOpenHeader({ to, from, hops, remainingMs, protocol: name, metadata: values });
        assert.equal(openHeaderBytes(bytes.subarray(0, 2)), bytes.length);
        const { metadata: decoded, ...rest } = decodeOpenHeader(Buffer.concat([bytes, Buffer.from("the stream's own")]));
        assert.deepEqual(rest, { to, from, hops, remainingMs, protocol: name });
        assert.deepEqual(
          [...decoded],
          Object.entries(values).map(([key, value]) => [key, new Uint8Array(value)]),
        );
      }),
    );
  });

  test("what a later version adds behind the metadata, is skipped", () => {
    const bytes = encodeOpenHeader(plain);
    const longer = Buffer.concat([bytes, Buffer.from("more")]);
    longer[1]! += 4;
    longer[2] = 9;
    assert.equal(decodeOpenHeader(longer).protocol, "game.v1");
  });

  test("a header that is not whole, is no error before its length is there", () => {
    assert.equal(openHeaderBytes(Buffer.alloc(1)), undefined);
    assert.throws(() => decodeOpenHeader(encodeOpenHeader(plain).subarray(0, 20)), ProtocolError);
  });

  test("any bytes at all, are a header or a ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 80 }), (bytes) => {
        bytes[0] = 0;
        bytes[1] = bytes.length - 2;
        try {
          decodeOpenHeader(bytes);
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error));
        }
      }),
    );
  });

  test("a length that no header has, is refused before any of it is kept", () => {
    assert.throws(() => openHeaderBytes(Uint8Array.of(0xff, 0xff)), ProtocolError);
    assert.throws(() => openHeaderBytes(Uint8Array.of(0, 3)), ProtocolError);
    const most = encodeOpenHeader({ ...plain, protocol: "p".repeat(128), metadata: { a: Buffer.alloc(8 * 1024 - 4) } });
    assert.ok(most.length <= MAX_OPEN_HEADER_BYTES);
    assert.equal(decodeOpenHeader(most).protocol.length, 128);
  });

  for (const protocol of ["", "two words", "ünicode", "x".repeat(129)]) {
    test(`a protocol ${JSON.stringify(protocol.slice(0, 12))} of ${protocol.length} characters, may not be sent`, () => {
      assert.throws(() => encodeOpenHeader({ ...plain, protocol }), TypeError);
    });
  }
});
