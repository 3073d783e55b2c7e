import { randomInt } from "node:crypto";
import { simulate } from "../../src/testing/simulate.js";
import { history, historyOfGroups } from "./history.js";

suite("random histories", function () {
  this.timeout(60_000);

  test("60 fixed seeds, keep every promise", async () => {
    await simulate({ seed: 20_240_101, runs: 60 }, history);
  });

  test("40 seeds by chance, keep every promise", async () => {
    await simulate({ seed: randomInt(2 ** 32), runs: 40 }, history);
  });

  test("40 fixed seeds of two groups with two harbors each, keep every promise", async () => {
    await simulate({ seed: 20_240_101, runs: 40 }, historyOfGroups);
  });

  test("20 seeds of the same by chance, keep every promise", async () => {
    await simulate({ seed: randomInt(2 ** 32), runs: 20 }, historyOfGroups);
  });
});
