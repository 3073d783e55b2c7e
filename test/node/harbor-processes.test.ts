/** Two groups with two harbors each as real processes, which are killed, stopped and flooded; the caller is this process. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { RpcError } from "../../src/errors.js";
import { Crossing, HARBORS, TARGETS } from "../support/crossing.js";
import { noteMethod, textNote } from "../support/note.js";
import { until } from "../support/until.js";

const echo = noteMethod("echo");
const hang = noteMethod("hang");
const blob = noteMethod("blob");

const PROCESSES_MS = 180_000;

interface Outcome {
  readonly text: string;
  readonly error: RpcError | undefined;
  readonly settledAt: number;
}

let crossing: Crossing;
let calls = 0;

function place(method: typeof echo, to: (typeof TARGETS)[number] = "2.1.1"): Promise<Outcome> {
  const text = `call ${++calls}`;
  const settle = (error?: unknown): Outcome => {
    assert.ok(error === undefined || error instanceof RpcError, String(error));
    return { text, error, settledAt: performance.now() };
  };
  return crossing.caller.invoke(to, method, textNote(text), { timeoutMs: 60_000 }).then(() => settle(), settle);
}

/** What was said of each call is so, by what the target itself has written down. */
function checkTruth(outcomes: readonly Outcome[]): void {
  const runs = new Map<string, number>();
  for (const text of crossing.runs("2.1.1")) runs.set(text, (runs.get(text) ?? 0) + 1);
  for (const { error, text } of outcomes) {
    const count = runs.get(text) ?? 0;
    assert.ok(count <= 1, `${text} ran ${count} times`);
    if (error === undefined || error.execution === "ran") assert.equal(count, 1, `${text}: ${error?.message ?? "replied"}`);
    else if (error.execution === "notRun") assert.equal(count, 0, `${text}: ${error.message}`);
  }
}

/** 500 calls under way, some of them just placed, when `victim` is killed. */
async function killUnderLoad(victim: (typeof HARBORS)[number] | (typeof TARGETS)[number]): Promise<readonly Outcome[]> {
  const before = crossing.runs("2.1.1").length;
  const placed = Array.from({ length: 450 }, () => place(hang));
  await until(() => crossing.runs("2.1.1").length >= before + 450);
  placed.push(...Array.from({ length: 50 }, () => place(echo)));
  const killedAt = performance.now();
  const killed = crossing.kill(victim);
  placed.push(...Array.from({ length: 50 }, () => place(hang)));
  const outcomes = await Promise.all(placed.slice(0, 500)); // the last 50 may hang at their new target, as their handler does
  await killed;
  const slowest = Math.max(...outcomes.map(({ settledAt }) => settledAt)) - killedAt;
  assert.ok(slowest < 1_000, `the last call ended ${slowest} ms after the kill`);
  assert.equal(outcomes.filter(({ error }) => error?.execution === "unknown").length >= 450, true);
  checkTruth(outcomes);
  return outcomes;
}

suite("two groups of processes", function () {
  this.timeout(PROCESSES_MS);

  suiteSetup(async () => {
    crossing = await Crossing.start();
    assert.equal((await place(echo)).error, undefined);
    assert.equal((await place(echo, "2.1.2")).error, undefined);
  });

  suiteTeardown(() => crossing[Symbol.asyncDispose]());

  test("replies of 4 MiB, arrive with their hashes", async () => {
    const replies = await Promise.all(TARGETS.map((to) => crossing.caller.invoke(to, blob, textNote(to), { timeoutMs: 60_000 })));
    for (const { text, data } of replies) {
      assert.equal(data.length, 4 * 1024 ** 2 - 100);
      assert.equal(createHash("sha256").update(data).digest("hex"), text);
    }
  });

  test("a cancelled call, is gone from all processes", async () => {
    const before = (await crossing.status("2.1.1")).requestsInProgress;
    const abort = new AbortController();
    const call = crossing.caller
      .invoke("2.1.1", hang, textNote("to be cancelled"), { timeoutMs: 60_000, signal: abort.signal })
      .catch((error: unknown) => error);
    await until(() => crossing.runs("2.1.1").at(-1) === "to be cancelled");
    abort.abort(new Error("enough"));
    assert.equal(((await call) as RpcError).code, "CANCELLED");
    for (let status = await crossing.status("2.1.1"); status.requestsInProgress > before; ) status = await crossing.status("2.1.1");
    assert.equal(crossing.caller.status().callsInFlight, 0);
  });

  for (const group of [1, 2] as const) {
    test(`kill -9 of the harbor in use of group ${group}: all calls settle within a second, truly, and later ones succeed`, async () => {
      const victim = await crossing.used(group);
      const numbers: number[] = [];
      let number = 0;
      const send = (): void => {
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setUint32(0, ++number);
        void crossing.caller.send("2.1.2", 1, bytes).catch(() => {}); // one of them may be lost with the harbor
      };
      const sending = setInterval(send, 1); // a load, not a wait
      await killUnderLoad(victim);
      const later = await Promise.all(Array.from({ length: 200 }, () => place(echo)));
      assert.deepEqual(
        later.filter(({ error }) => error !== undefined),
        [],
      );
      clearInterval(sending);
      for (const line of crossing.runs("2.1.2")) if (/^\d+$/.test(line)) numbers.push(Number(line));
      const ordered = numbers.slice(numbers.lastIndexOf(1));
      assert.ok(
        ordered.length > 10 && ordered.every((value, index) => index === 0 || value > ordered[index - 1]!),
        "in order, but for those lost",
      );
      await crossing.spawn(victim);
      checkTruth(later);
    });
  }

  test("kill -9 of the target: all calls settle within a second, truly, and calls to another one succeed", async () => {
    const outcomes = await killUnderLoad("2.1.1");
    const late = await place(echo);
    assert.deepEqual([late.error?.code, late.error?.execution, late.error?.path.length], ["UNAVAILABLE", "notRun", 2]);
    assert.match(late.error!.message, /harbor 2\.255\.[12]: dial 127\.0\.0\.1:\d+: connection refused/);
    assert.equal((await place(echo, "2.1.2")).error, undefined);
    assert.ok(outcomes.every(({ error }) => error === undefined || error.path.length > 0));
    await crossing.spawn("2.1.1");
    for (let again = await place(echo); again.error !== undefined; ) again = await place(echo);
  });

  test("a target that stops reading, holds up nobody else, and the memory of the harbor stays bounded", async () => {
    const timed = async (): Promise<number> => {
      const times: number[] = [];
      for (let count = 0; count < 200; count++) {
        const began = performance.now();
        assert.equal((await place(echo, "2.1.2")).error, undefined);
        times.push(performance.now() - began);
      }
      return times.sort((one, other) => one - other)[100]!;
    };
    const usual = await timed();
    crossing.stop("2.1.1");
    const piece = new Uint8Array(60_000);
    let refused = 0;
    for (let count = 0; count < 1_000; count++) {
      await crossing.caller.send("2.1.1", 7, piece);
      if (count % 20 === 0)
        void crossing.caller.invoke("2.1.1", echo, textNote("into the void"), { timeoutMs: 5_000 }).catch((error: RpcError) => {
          if (error.code === "RESOURCE_EXHAUSTED") refused++;
        });
    }
    const slowed = await timed();
    const statuses = await Promise.all(HARBORS.map((address) => crossing.status(address)));
    for (const { harbor, rssBytes } of statuses) {
      assert.ok(harbor!.waitingBytes < 20 * 1024 ** 2, `${harbor!.waitingBytes} bytes wait`);
      assert.ok(rssBytes < 400 * 1024 ** 2, `${rssBytes} bytes`);
    }
    assert.ok(
      statuses.some(({ harbor }) => harbor!.oneWaysDropped > 100),
      "what is over the limit is dropped and counted",
    );
    assert.ok(refused > 0, "and requests are refused");
    assert.ok(slowed < Math.max(2 * usual, usual + 1), `the median went from ${usual} ms to ${slowed} ms`);
    await crossing.kill("2.1.1");
  });
});
