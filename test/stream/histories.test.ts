import { randomInt } from "node:crypto";
import { runHistory } from "./histories/history.js";

suite("random histories of streams", function () {
  this.timeout(60_000);

  test("120 fixed seeds, keep every promise", async () => {
    for (let seed = 20_240_101; seed < 20_240_221; seed++) await runHistory(seed);
  });

  test("80 seeds by chance, keep every promise", async () => {
    const first = randomInt(2 ** 32);
    for (let run = 0; run < 80; run++) await runHistory((first + run) >>> 0);
  });
});
