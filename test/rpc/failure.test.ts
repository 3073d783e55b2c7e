import assert from "node:assert/strict";
import { parseAddress } from "../../src/addr/logical-address.js";
import type { StartErrorCode } from "../../src/errors.js";
import { UnsentError } from "../../src/internal/unsent-error.js";
import { HandshakeError } from "../../src/link/handshake-error.js";
import { START_HINT } from "../../src/node/start.js";
import { addressOrText, HINT, REFUSAL_HINT, rpcError, thrownReason, unsentReason } from "../../src/rpc/failure.js";
import { REFUSAL } from "../../src/wire/hello.js";
import { documentedShapes, errorsPage, shapeOf } from "../support/expect-failure.js";

const self = parseAddress("1.2.1");
const to = parseAddress("1.3.7");

suite("the page of errors", () => {
  const page = errorsPage();
  const hints = { ...HINT, ...REFUSAL_HINT, ...START_HINT };
  for (const [name, hint] of Object.entries(hints)) {
    test(`what to do about "${name}", stands there word for word`, () => assert.ok(page.includes(hint), hint));
  }

  for (const reason of Object.keys(REFUSAL)) {
    test(`refusal ${reason}, has its row`, () => assert.match(page, new RegExp(`^\\|.*\`${reason}\`.*\\| (yes|no) \\|`, "m")));
  }

  const startCodes: Record<StartErrorCode, true> = {
    ADDRESS_IN_USE: true,
    NOT_IN_DISCOVERY: true,
    LISTEN_FAILED: true,
    REGISTRATION_FAILED: true,
    TIMEOUT: true,
    ABORTED: true,
    CLOSED: true,
  };
  for (const code of Object.keys(startCodes)) {
    test(`StartError ${code}, has its row`, () => assert.match(page, new RegExp(`^\\| \`${code}\` \\|`, "m")));
  }

  test("each example of a failed call, names everything a line has", () => {
    const examples = page.split("\n").filter((line) => /^[A-Z_]+ calling /.test(line));
    assert.ok(examples.length > 50);
    for (const example of examples)
      assert.match(example, /^[A-Z_]+ calling \S+( \d+)? on .+ from (?:1\.2\.1|0\.0\.0) \((notRun|unknown|ran)\): \S/);
  });
});

suite("the line of a failed call", () => {
  test("words with line breaks, tabs and control characters, are one line; the reason keeps them", () => {
    const error = rpcError({ method: "a.B/c", to, self }, "INTERNAL", "ran", " first\r\n\tsecond\u2028third\u001b[31m ");
    assert.equal(error.message, "INTERNAL calling a.B/c on 1.3.7 from 1.2.1 (ran): first second third [31m");
    assert.equal(error.reason, " first\r\n\tsecond\u2028third\u001b[31m ");
  });

  test("a very long text of blanks, costs no time", () => {
    const began = performance.now();
    rpcError({ method: "a.B/c", to, self }, "INTERNAL", "ran", `${" ".repeat(1_000_000)}x`);
    assert.ok(performance.now() - began < 500);
  });

  test("a target, reads as its address where it is one", () => {
    assert.equal(addressOrText("1.3.7"), to);
    assert.equal(addressOrText(to), to);
    assert.equal(addressOrText("1.3" as "1.3.7"), '"1.3"');
    assert.equal(addressOrText(`${"1".repeat(1_000)}.1.1` as "1.1.1"), `"${"1".repeat(64)}"`);
    assert.equal(addressOrText(undefined), "nobody");
    assert.equal(addressOrText({ type: 3, policy: "random" }), "any node of type 3");
    assert.equal(addressOrText(null as never), "null");
  });

  test("whatever a handler throws, has words", () => {
    const hostile = Object.create(null) as object;
    assert.equal(thrownReason(new RangeError("")), `RangeError; ${HINT.handlerThrew}`);
    assert.equal(thrownReason(Symbol("seat")), `Symbol(seat); ${HINT.threwNoError}`);
    assert.equal(thrownReason(null), `null; ${HINT.threwNoError}`);
    assert.equal(thrownReason(7n), `7; ${HINT.threwNoError}`);
    assert.equal(thrownReason(hostile), `{}; ${HINT.threwNoError}`);
    assert.equal(thrownReason({ toJSON: () => undefined, toString: () => assert.fail() }), `a thrown object; ${HINT.threwNoError}`);
  });

  test("why a message was not sent, comes with what mends it", () => {
    const refused = Object.assign(new Error("dial 10.0.0.1:1: ECONNREFUSED"), { code: "ECONNREFUSED" });
    const unknown = Object.assign(new Error("dial x:1: no address"), { code: "ENOTFOUND" });
    assert.equal(unsentReason(new UnsentError("unreachable", "dial x", refused)), `dial x; ${HINT.unreachable}`);
    assert.equal(unsentReason(new UnsentError("unreachable", "dial x", unknown)), `dial x; ${HINT.hostName}`);
    assert.equal(
      unsentReason(new UnsentError("unreachable", "dial x", new HandshakeError("cluster", "other"))),
      `dial x; ${REFUSAL_HINT.cluster}`,
    );
    assert.equal(unsentReason(new UnsentError("left", "it has shut down")), `it has shut down; ${HINT.left}`);
    assert.equal(
      unsentReason(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })),
      `link lost: connection reset; ${HINT.lostUnsent}`,
    );
  });
});

suite("shapes of messages", () => {
  test("two messages of one kind, have one shape; of two kinds, two", () => {
    const one =
      "UNAVAILABLE calling a.B/c on 1.3.7 from 1.2.1 (notRun): dial 10.0.1.7:8011: connection refused, 4 attempts in 3.1 s; is it up?";
    const same = "UNAVAILABLE calling d.E/f on 2.3.7 from 1.2.9 (notRun): dial [::1]:80: connection refused; is it up?";
    assert.equal(shapeOf(one), shapeOf(same));
    assert.notEqual(shapeOf(one), shapeOf(one.replace("connection refused", "host unreachable")));
    assert.notEqual(shapeOf(one), shapeOf(one.replace("notRun", "unknown")));
    assert.equal(documentedShapes().has(shapeOf("1.2.1 did something that nobody has written down")), false);
  });
});

suite("a failure with a code that no error has", () => {
  for (const code of ["", "OK"])
    test(`${JSON.stringify(code)} in the answer of a peer, is UNKNOWN`, () => {
      const error = rpcError({ method: "a.B/c", to, self }, code, "ran", "odd");
      assert.equal(error.code, "UNKNOWN");
      assert.match(error.message, /^UNKNOWN calling/);
    });
});
