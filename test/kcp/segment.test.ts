import assert from "node:assert/strict";
import { COMMAND, datagramFault, HEADER_BYTES, readSegment, Segment, writeHeader } from "../../src/kcp/segment.js";

/** As docs/kcp.md has it: a push of 3 bytes. */
const PUSH = Buffer.from("4433221151010002efbeadde0700000005000000030000006869 21".replaceAll(" ", ""), "hex");

suite("KCP segments", () => {
  test("a push, is the header of 24 bytes in little-endian and its payload", () => {
    const datagram = Buffer.alloc(PUSH.length);
    const at = writeHeader(datagram, 0, 0x11223344, COMMAND.push, 1, 512, 0xdeadbeef, 7, 5, 3);
    datagram.write("hi!", at);
    assert.equal(at, HEADER_BYTES);
    assert.equal(datagram.toString("hex"), PUSH.toString("hex"));
  });

  test("what was written, is read", () => {
    const segment = new Segment();
    readSegment(PUSH, 0, segment);
    const { command, fragment, window, timestamp, sequence, unacknowledged, start, end } = segment;
    assert.deepEqual([command, fragment, window, timestamp, sequence, unacknowledged], [81, 1, 512, 0xdeadbeef, 7, 5]);
    assert.equal(PUSH.toString("latin1", start, end), "hi!");
  });

  test("a datagram that is not whole segments of one conversation, says what is wrong", () => {
    const fault = (change: (datagram: Buffer) => Buffer) => datagramFault(change(Buffer.concat([PUSH, PUSH])), 0x11223344, 1_376);
    const set = (offset: number, byte: number) => (datagram: Buffer) => {
      datagram[offset] = byte;
      return datagram;
    };
    assert.equal(
      fault((datagram) => datagram),
      undefined,
    );
    assert.equal(
      fault((datagram) => datagram.subarray(0, 23)),
      "short",
    );
    assert.equal(
      fault((datagram) => datagram.subarray(0, PUSH.length + 5)),
      "short",
    );
    assert.equal(
      fault((datagram) => datagram.subarray(0, -1)),
      "length",
    );
    assert.equal(fault(set(20, 2)), "conversation", "what follows is read where the length says");
    assert.equal(fault(set(23, 0xff)), "length");
    assert.equal(fault(set(PUSH.length, 0)), "conversation");
    assert.equal(fault(set(4, 80)), "command");
    assert.equal(fault(set(4, 86)), "command");
    assert.equal(fault(set(4, COMMAND.ack)), "length", "only a push has a payload");
    assert.equal(datagramFault(PUSH, 0x11223344, 2), "length", "more than a segment may have");
  });
});
