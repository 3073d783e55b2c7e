/** Shows how a defect is found and replayed: the test fails for the wrong code, fails again from its seed, and passes for the right code. */
import assert from "node:assert/strict";
import { SimulationError } from "clusterts/testing";
import { sayCarefully, sayStubbornly } from "./say.js";
import { heardOnce } from "./say-once.js";

const found = await heardOnce(sayStubbornly).catch((error: unknown) => error);
assert.ok(found instanceof SimulationError, "the planted defect was not found");
console.log(`found: ${found.message.split("\n")[0]}`);
console.log(found.trace.filter((line) => /cut|is told UNAVAILABLE unknown/.test(line)).join("\n"));

process.env.CLUSTERTS_SEED = String(found.seed);
const again = await heardOnce(sayStubbornly).catch((error: unknown) => error);
assert.ok(again instanceof SimulationError);
assert.deepEqual(again.trace, found.trace);
console.log(`replayed by CLUSTERTS_SEED=${found.seed}, event for event`);

delete process.env.CLUSTERTS_SEED;
await heardOnce(sayCarefully);
console.log("the careful code: 200 runs, nothing is heard twice");
