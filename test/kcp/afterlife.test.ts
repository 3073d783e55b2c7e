import assert from "node:assert/strict";
import { Afterlife, KEPT_MS } from "../../src/kcp/afterlife.js";
import { COMMAND, HEADER_BYTES } from "../../src/kcp/segment.js";
import { CONVERSATION, coreWith, flushed, segmentsOf } from "./support/core-pair.js";

suite("KCP sessions that have ended", () => {
  const push = (): Buffer => {
    const core = coreWith();
    core.send(Buffer.from("once more"));
    return flushed(core, 0)[0]!;
  };

  test("a peer that goes on, hears what befits the end, in one segment without payload", () => {
    const afterlife = new Afterlife();
    afterlife.add("ended", CONVERSATION, 7, "acknowledge", 0);
    afterlife.add("destroyed", CONVERSATION, 7, "reset", 0);
    afterlife.add("silent", CONVERSATION, 7, "nothing", 0);
    const commands = ["ended", "destroyed", "silent", "unknown"].map((key) => {
      const answer = afterlife.answer(key, push());
      assert.ok(answer === undefined || answer.length === HEADER_BYTES);
      return answer === undefined ? undefined : segmentsOf([answer])[0]!;
    });
    assert.deepEqual(
      commands.map((segment) => segment?.command),
      [COMMAND.ack, COMMAND.reset, undefined, undefined],
    );
    assert.deepEqual(
      commands.map((segment) => segment?.unacknowledged),
      [7, 7, undefined, undefined],
    );
  });

  test("an acknowledgement, is not answered: two of the ended would answer each other for ever", () => {
    const afterlife = new Afterlife();
    afterlife.add("ended", CONVERSATION, 7, "acknowledge", 0);
    const answer = afterlife.answer("ended", push())!;
    assert.equal(afterlife.answer("ended", answer), undefined);
  });

  test("their time is over, they are not there, and forgotten when the next one comes", () => {
    const afterlife = new Afterlife();
    afterlife.add("first", CONVERSATION, 1, "nothing", 0);
    assert.equal(afterlife.has("first", KEPT_MS - 1), true);
    assert.equal(afterlife.has("first", KEPT_MS), false);
    afterlife.add("second", CONVERSATION, 1, "nothing", KEPT_MS);
    assert.equal(afterlife.size, 1);
  });

  test("more than are kept, the oldest ones go first", () => {
    const afterlife = new Afterlife();
    for (let index = 0; index < 10_000; index++) afterlife.add(`${index}`, index, 1, "nothing", 0);
    assert.equal(afterlife.size, 4_096);
    assert.equal(afterlife.has("9999", 1), true);
    assert.equal(afterlife.has("0", 1), false);
  });
});
