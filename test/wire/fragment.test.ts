import assert from "node:assert/strict";
import fc from "fast-check";
import { type Assembly, FRAGMENT_HEAD_BYTES, FragmentAssembler, putFragmentHead } from "../../src/wire/fragment.js";
import { FLAGS, KIND } from "../../src/wire/header.js";
import { MAX_BODY_OVERHEAD_BYTES } from "../../src/wire/limits.js";
import { ProtocolError } from "../../src/wire/protocol-error.js";

interface Fragment {
  readonly from: number;
  readonly epoch: number;
  readonly seq: number;
  readonly kind: number;
  readonly flags: number;
  readonly total: number;
  readonly offset: number;
  readonly bytes: Buffer;
}

const PLAIN = { from: 1, epoch: 2, seq: 3, kind: KIND.request, flags: 0 } as const;

function add(assembler: FragmentAssembler, fragment: Fragment, frameFlags = 0, now = 0, expiresAt = 1_000): Assembly {
  const { from, epoch, seq, kind, flags, total, offset, bytes } = fragment;
  const head = Buffer.alloc(FRAGMENT_HEAD_BYTES);
  putFragmentHead(head, 0, kind, flags, total, offset);
  const frame = Buffer.concat([Buffer.from("??"), head, bytes, Buffer.from("next frame")]);
  return assembler.add(from, epoch, seq, frameFlags, frame, 2, 2 + head.length + bytes.length, now, expiresAt);
}

/** `body` in fragments of `size` bytes. */
function cut(body: Buffer, size: number, of: Partial<Fragment> = {}): Fragment[] {
  return Array.from({ length: Math.ceil(body.length / size) }, (_, i) => ({
    ...PLAIN,
    ...of,
    total: body.length,
    offset: i * size,
    bytes: body.subarray(i * size, (i + 1) * size),
  }));
}

const roomy = (): FragmentAssembler => new FragmentAssembler({ maxPayloadBytes: 1_000, maxPartialBytes: 1_000_000 });
const part = (total: number, offset: number, text: string, of: Partial<Fragment> = {}): Fragment => ({
  ...PLAIN,
  ...of,
  total,
  offset,
  bytes: Buffer.from(text),
});

suite("fragment assembler", () => {
  test("any messages in any pieces, interleaved anyhow, come whole and never mixed", () => {
    const message = fc.record(
      {
        body: fc.uint8Array({ minLength: 1, maxLength: 90 }),
        size: fc.integer({ min: 1, max: 40 }),
        from: fc.nat(2),
        epoch: fc.nat(1),
        kind: fc.constantFrom(1, 2, 5, 6, 7),
        flags: fc.nat(1),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 6 }), fc.infiniteStream(fc.nat()), (messages, turns) => {
        const assembler = roomy();
        const lanes = messages.map(({ body, size, ...of }, seq) => cut(Buffer.from(body), size, { ...of, seq: seq % 3 }));
        // Two messages with one name cannot be under way at once.
        const nameOf = ({ from, epoch, seq, kind }: Fragment): string => `${from}:${epoch}:${seq}:${kind}`;
        const names = lanes.map((lane) => nameOf(lane[0]!));
        const whole: Buffer[] = [];
        const expected: Buffer[] = [];
        let open = lanes.map((_, i) => i).filter((i) => names.indexOf(names[i]!) === i);
        let announced = 0;
        while (open.length > 0) {
          const lane = open[(turns.next().value as number) % open.length]!;
          const fragment = lanes[lane]!.shift()!;
          const assembly = add(assembler, fragment);
          if (fragment.offset === 0) announced += fragment.total;
          if (lanes[lane]!.length > 0) assert.equal(assembly.type, "more");
          else {
            assert.ok(assembly.type === "whole");
            assert.deepEqual([assembly.kind, assembly.flags], [fragment.kind, fragment.flags]);
            whole.push(assembly.body);
            expected.push(Buffer.from(messages[lane]!.body));
            announced -= fragment.total;
            open = open.filter((other) => other !== lane);
          }
          assert.equal(assembler.partialBytes, announced);
        }
        assert.deepEqual(whole, expected);
        assert.deepEqual([assembler.partialCount, assembler.partialBytes], [0, 0]);
      }),
    );
  });

  test("any fragments of a hostile peer, are taken, refused or a protocol error; memory stays within the limit", () => {
    const limits = { maxPayloadBytes: 100, maxPartialBytes: 20_000 };
    const most = limits.maxPayloadBytes + MAX_BODY_OVERHEAD_BYTES;
    const hostile = fc.record(
      {
        from: fc.nat(1),
        epoch: fc.nat(1),
        seq: fc.nat(3),
        kind: fc.constantFrom(1, 8, 200),
        flags: fc.constantFrom(0, 1, 128),
        total: fc.oneof(fc.nat(30), fc.nat(2 * most), fc.constantFrom(most, most + 1, 0xffff_ffff, 0)),
        offset: fc.oneof(fc.constant(0), fc.nat(30), fc.constantFrom(0xffff_ffff, most)),
        bytes: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
        frameFlags: fc.constantFrom(0, 0, 0, 0, FLAGS.abort, 0xff),
        passes: fc.nat(40),
      },
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 60 }), (fragments) => {
        const assembler = new FragmentAssembler(limits);
        let now = 0;
        for (const { frameFlags, passes, ...fragment } of fragments) {
          now += passes;
          try {
            const assembly = add(assembler, fragment, frameFlags, now, now + 100);
            if (assembly.type === "whole") assert.ok(assembly.body.length <= most);
            if (assembly.type === "refused") assert.equal(assembly.kind, fragment.kind);
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error));
          }
          assert.ok(assembler.partialBytes <= limits.maxPartialBytes);
          assert.ok(assembler.partialCount <= 2 * 2 * 4 * 3);
          assert.equal(assembler.partialBytes === 0, assembler.partialCount === 0);
        }
        assembler.expire(now + 100);
        assert.deepEqual([assembler.partialCount, assembler.partialBytes], [0, 0]);
      }),
      { numRuns: 500 },
    );
  });

  test("a fragment shorter than its head, is a protocol error", () => {
    for (let length = 0; length < FRAGMENT_HEAD_BYTES; length++) {
      for (const flags of [0, FLAGS.abort])
        assert.throws(() => roomy().add(1, 2, 3, flags, Buffer.alloc(40, 1), 0, length, 0, 1), {
          name: "ProtocolError",
          message: /shorter than its head/,
        });
    }
  });

  test("a fragment without a byte or beyond its message, is a protocol error and ends its message", () => {
    for (const bad of [part(9, 3, ""), part(9, 3, "7 bytes"), part(9, 9, "x"), part(9, 0xffff_ffff, "x"), part(0, 0, "x")]) {
      const assembler = roomy();
      add(assembler, part(9, 0, "abc"));
      assert.throws(() => add(assembler, bad), { name: "ProtocolError", message: /does not fit/ });
      assert.equal(assembler.partialBytes, 0);
    }
  });

  test("a gap, an overlap, a repetition, another length or other flags, are a protocol error and end the message", () => {
    for (const bad of [part(9, 4, "ef"), part(9, 2, "cd"), part(8, 3, "d"), part(10, 3, "d"), part(9, 3, "d", { flags: 1 })]) {
      const assembler = roomy();
      add(assembler, part(9, 0, "abc"));
      assert.throws(() => add(assembler, bad), { name: "ProtocolError", message: /follows/ });
      assert.equal(assembler.partialBytes, 0);
      assert.equal(add(assembler, part(9, 3, "def")).type, "stray");
    }
  });

  test("the first fragment comes again, and the message starts anew: its sender was cut off behind a harbor", () => {
    const assembler = roomy();
    add(assembler, part(6, 0, "ab"));
    add(assembler, part(6, 2, "cd"));
    assert.equal(add(assembler, part(5, 0, "AB")).type, "more");
    assert.equal(assembler.partialBytes, 5);
    const assembly = add(assembler, part(5, 2, "CDE"));
    assert.ok(assembly.type === "whole");
    assert.equal(assembly.body.toString(), "ABCDE");
  });

  test("numbers, kinds, epochs or senders that differ, are other messages", () => {
    for (const other of [{ from: 9 }, { epoch: 9 }, { seq: 9 }, { kind: KIND.reply }]) {
      const assembler = roomy();
      add(assembler, part(6, 0, "abc"));
      assert.equal(add(assembler, part(6, 3, "def", other)).type, "stray");
      assert.equal(add(assembler, part(6, 3, "def")).type, "whole");
    }
  });

  test("an abort, drops its message and no other; what still comes of it is stray", () => {
    const assembler = roomy();
    add(assembler, part(6, 0, "abc"));
    add(assembler, part(6, 0, "abc", { seq: 4 }));
    assert.equal(add(assembler, part(0, 0, ""), FLAGS.abort).type, "aborted");
    assert.equal(assembler.partialBytes, 6);
    assert.equal(add(assembler, part(6, 3, "def")).type, "stray");
    assert.equal(add(assembler, part(0, 0, ""), FLAGS.abort).type, "aborted");
    assert.equal(add(assembler, part(6, 3, "def", { seq: 4 })).type, "whole");
  });

  test("a message over the limit, is refused once at its first fragment, with its kind and the limit; the rest is stray", () => {
    const assembler = roomy();
    const most = 1_000 + MAX_BODY_OVERHEAD_BYTES;
    const [first, second] = cut(Buffer.alloc(most + 1), most);
    assert.deepEqual(add(assembler, first!), {
      type: "refused",
      kind: KIND.request,
      limit: "rpc.maxPayloadBytes",
      reason: "message of 9209 bytes is over the limit of 1000",
    });
    assert.equal(add(assembler, second!).type, "stray");
    assert.equal(assembler.partialBytes, 0);
    for (const fragment of cut(Buffer.alloc(most), most - 1)) assert.notEqual(add(assembler, fragment).type, "refused");
  });

  test("unfinished messages over the limit, are refused until others are done; an empty assembler takes one of any legal size", () => {
    const assembler = new FragmentAssembler({ maxPayloadBytes: 1_000, maxPartialBytes: 10 });
    assert.equal(add(assembler, part(50, 0, "abc")).type, "more");
    const refused = add(assembler, part(1, 0, "x", { seq: 4 }));
    assert.deepEqual(refused, {
      type: "refused",
      kind: KIND.request,
      limit: "link.maxPartialBytes",
      reason: "50 bytes of unfinished messages from this peer, 1 more are over the limit of 10",
    });
    add(assembler, part(0, 0, ""), FLAGS.abort);
    assert.equal(add(assembler, part(6, 0, "abc", { seq: 5 })).type, "more");
    assert.equal(add(assembler, part(4, 0, "abc", { seq: 6 })).type, "more");
    assert.equal(add(assembler, part(1, 0, "x", { seq: 7 })).type, "refused");
  });

  test("over a harbor, each sender has a share of its own, and all together have a limit", () => {
    const assembler = new FragmentAssembler({ maxPayloadBytes: 1_000, maxPartialBytes: 10, maxPartialBytesInAll: 20 });
    const from = (sender: number, total: number, seq = 1): Assembly => add(assembler, part(total, 0, "x", { from: sender, seq }));
    assert.deepEqual(
      [from(1, 8), from(2, 8), from(1, 3, 2), from(2, 2, 2)].map(({ type }) => type),
      ["more", "more", "refused", "more"],
    );
    const refused = from(3, 3);
    assert.ok(refused.type === "refused");
    assert.equal(refused.reason, "18 bytes of unfinished messages over this harbor, 3 more are over the limit of 20");
    add(assembler, part(0, 0, "", { from: 1, seq: 1 }), FLAGS.abort);
    assert.equal(from(3, 3).type, "more");
    assert.deepEqual([assembler.partialCount, assembler.partialBytes], [3, 13]);
  });

  test("messages whose time is over, make room", () => {
    const assembler = new FragmentAssembler({ maxPayloadBytes: 1_000, maxPartialBytes: 10 });
    add(assembler, part(6, 0, "abc"), 0, 0, 100);
    add(assembler, part(4, 0, "abc", { seq: 4 }), 0, 0, 200);
    assert.equal(add(assembler, part(2, 0, "x", { seq: 5 }), 0, 99, 300).type, "refused");
    assert.equal(add(assembler, part(2, 0, "x", { seq: 5 }), 0, 100, 300).type, "more");
    assert.deepEqual([assembler.partialCount, assembler.partialBytes], [2, 6]);
    assert.equal(add(assembler, part(6, 3, "def"), 0, 101, 300).type, "stray");
    assert.equal(assembler.expire(200), 1);
    assert.equal(assembler.expire(299), 0);
    assert.equal(assembler.expire(300), 1);
    assert.equal(assembler.partialBytes, 0);
  });

  test("a message without a deadline that still grows, does not expire", () => {
    const assembler = roomy();
    for (let second = 0; second < 5; second++) {
      assert.equal(add(assembler, part(6, second, "x"), 0, second * 1_000, second * 1_000 + 1_500).type, "more");
      assert.equal(assembler.expire(second * 1_000 + 1_000), 0);
    }
    assert.equal(assembler.expire(5_500), 1);
  });

  test("the assembled body, is memory of its own", () => {
    const assembler = roomy();
    const body = Buffer.from("abcdef");
    const [fragment] = cut(body, 6);
    const assembly = add(assembler, fragment!);
    assert.ok(assembly.type === "whole");
    body.fill(0);
    assert.equal(assembly.body.toString(), "abcdef");
  });
});
