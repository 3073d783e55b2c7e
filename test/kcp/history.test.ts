import assert from "node:assert/strict";
import { runHistory } from "./history.js";

const RUNS = 200;

suite("KCP over bad paths", function () {
  this.timeout(60_000);

  test(`${RUNS} random histories: all data once and in order, or an error; windows within their bounds`, () => {
    const seeds =
      process.env.CLUSTERTS_SEED === undefined
        ? Array.from({ length: RUNS }, (_, index) => index + 1)
        : [Number(process.env.CLUSTERTS_SEED)];
    for (const seed of seeds) {
      try {
        runHistory(seed);
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}; CLUSTERTS_SEED=${seed} runs it again`, { cause: error });
      }
    }
  });

  test("the same seed twice, the same history", () => {
    assert.deepEqual(runHistory(7), runHistory(7));
  });
});
