/** Shows how a defect is found and replayed: the test fails for the wrong code with a seed, fails again from that seed, and passes for the right code. */
import assert from "node:assert/strict";
import { SimulationError } from "clusterts/testing";
import { sayCarefully, sayStubbornly } from "./say.js";
import { heardOnce } from "./say-once.js";

const found = await heardOnce(sayStubbornly).catch((error: unknown) => error);
assert.ok(found instanceof SimulationError, "the planted defect was not found");
console.log(`found: ${found.message.split("\n").slice(0, 2).join("\n       ")}`);
console.log(
  found.trace
    .filter((line) => /partition|heal|chat|Chat/i.test(line))
    .slice(-12)
    .join("\n"),
);

process.env.CLUSTERTS_SEED = String(found.seed);
const again = await heardOnce(sayStubbornly).catch((error: unknown) => error);
assert.ok(again instanceof SimulationError && again.cause instanceof Error && found.cause instanceof Error);
assert.deepEqual(again.trace, found.trace);
console.log(`replayed from its seed, event for event: ${again.cause.message}`);

delete process.env.CLUSTERTS_SEED;
await heardOnce(sayCarefully);
console.log("200 runs of the careful code: nothing is heard twice");
