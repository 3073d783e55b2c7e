import assert from "node:assert/strict";
import { begins, completes, ROLE, roleOf } from "../../src/harbor/roles.js";
import { FRAGMENT_HEAD_BYTES, putFragmentHead } from "../../src/wire/fragment.js";
import { encodeFrame, KIND } from "../../src/wire/header.js";

function frame(kind: number, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  return encodeFrame({ kind, flags: 0, hops: 4, to: 1, from: 2, epoch: 3, seq: 4, remainingMs: 5 }, body);
}

function fragment(kind: number, total: number, offset: number, size: number): Uint8Array {
  const body = new Uint8Array(FRAGMENT_HEAD_BYTES + size);
  putFragmentHead(body, 0, kind, 0, total, offset);
  return frame(KIND.fragment, body);
}

suite("the role of a frame", () => {
  test("of each kind, is what a relay does with it", () => {
    const roles = Object.fromEntries(
      Object.entries(KIND)
        .filter(([, kind]) => kind !== KIND.fragment)
        .map(([name, kind]) => {
          const bytes = frame(kind);
          return [name, Object.entries(ROLE).find(([, role]) => role === roleOf(bytes, 0, bytes.length))![0]];
        }),
    );
    assert.deepEqual(roles, {
      request: "request",
      reply: "answer",
      error: "answer",
      cancel: "cancel",
      post: "oneWay",
      message: "oneWay",
      bytes: "oneWay",
      ping: "none",
      pong: "none",
      refused: "answer",
      goAway: "none",
      hopError: "answer",
      gone: "gone",
    });
    assert.equal(roleOf(frame(77), 0, 28), ROLE.none);
  });

  test("of a fragment, is that of its message; of one without a head, it is passed on all the same", () => {
    for (const [kind, role] of [
      [KIND.request, ROLE.request],
      [KIND.reply, ROLE.answer],
      [KIND.post, ROLE.oneWay],
      [77, ROLE.oneWay],
    ] as const) {
      const bytes = fragment(kind, 10, 0, 5);
      assert.equal(roleOf(bytes, 0, bytes.length), role);
    }
    assert.equal(roleOf(frame(KIND.fragment), 0, 28), ROLE.oneWay);
  });

  test("a message begins with its first fragment and is complete with its last, one frame is both", () => {
    const whole = frame(KIND.request, new Uint8Array(10));
    const first = fragment(KIND.request, 10, 0, 6);
    const last = fragment(KIND.request, 10, 6, 4);
    const bare = frame(KIND.fragment, new Uint8Array(3));
    const seen = [whole, first, last, bare].map((bytes) => [begins(bytes, 0, bytes.length), completes(bytes, 0, bytes.length)]);
    assert.deepEqual(seen, [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ]);
  });
});
