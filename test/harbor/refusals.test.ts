import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import type { RelayPort } from "../../src/harbor/ports.js";
import { type Refusal, refusal, tellCaller } from "../../src/harbor/refusals.js";
import { decodeError } from "../../src/wire/error-codec.js";
import { KIND } from "../../src/wire/header.js";
import { documentedShapes, shapeOf } from "../support/expect-failure.js";

const at = parseAnyAddress;
const target = at("2.3.7");
const refusals: Record<keyof typeof refusal, Refusal> = {
  unknownTarget: refusal.unknownTarget(),
  noHarborThere: refusal.noHarborThere(target),
  unreachable: refusal.unreachable("dial 10.0.1.7:8011: connection refused"),
  left: refusal.left("it is shutting down: 2.3.7 is closing"),
  queueFull: refusal.queueFull(target),
  slowTarget: refusal.slowTarget(target),
  slowCaller: refusal.slowCaller(at("1.2.1")),
  tooManyBytes: refusal.tooManyBytes(7),
  tooManyPairs: refusal.tooManyPairs(7),
  hops: refusal.hops(),
  deadline: refusal.deadline(target),
  notExported: refusal.notExported(),
  notResponsible: refusal.notResponsible(at("3.3.7")),
  stranger: refusal.stranger(at("1.255.1")),
  kind: refusal.kind(77),
};

suite("what harbors refuse with", () => {
  for (const [name, { reason, code, text, execution = "notRun" }] of Object.entries(refusals)) {
    test(`${name}, has its own name as its reason, and stands in docs/errors.md`, () => {
      assert.equal(reason, name);
      const line = `${code} calling game.Chat/say on 2.3.7 from 1.2.1 (${execution}): harbor 2.255.1: ${text}`;
      assert.ok(documentedShapes().has(shapeOf(line)), line);
    });
  }

  test("goes to the caller as if the target had said it, with the harbors on the way", () => {
    const said: unknown[] = [];
    const back = (address: "1.255.1" | "1.2.1"): RelayPort => ({
      peer: { address: at(address) },
      isClosed: false,
      congested: false,
      overfull: false,
      arrivedAt: 0,
      relay: () => {},
      tell: (kind, _flags, hops, to, from, epoch, seq, body) =>
        void said.push([kind, hops, to, from, epoch, seq, decodeError(body, 0, body.length)]),
    });
    const request = { to: target, from: at("1.2.1"), epoch: 9, seq: 4 };
    tellCaller(at("2.255.1"), back("1.255.1"), request, refusal.hops());
    tellCaller(at("1.255.1"), back("1.2.1"), request, refusal.slowCaller(at("1.2.1")));
    const error = { code: "UNAVAILABLE", appCode: 0, details: undefined, execution: "notRun" };
    assert.deepEqual(said, [
      [
        KIND.hopError,
        4,
        at("1.2.1"),
        target,
        9,
        4,
        {
          ...error,
          reason: "harbor 2.255.1: no hops are left; do the discoveries of the harbors agree?",
          path: [at("1.255.1"), at("2.255.1")],
        },
      ],
      [
        KIND.hopError,
        4,
        at("1.2.1"),
        target,
        9,
        4,
        {
          ...error,
          code: "RESOURCE_EXHAUSTED",
          reason: "harbor 1.255.1: the reply was not passed on: too much waits to be read by 1.2.1; ask for less at once",
          path: [at("1.255.1")],
          execution: "ran",
        },
      ],
    ]);
  });
});
