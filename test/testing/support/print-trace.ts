/** Prints a digest of all events of one history: two processes that run it must print the same. */
import { createHash } from "node:crypto";
import { Simulation } from "../../../src/testing/sim.js";
import { runOnce } from "../../../src/testing/simulate.js";
import { history } from "../../fault/history.js";

const digest = createHash("sha256");
let lines = 0;
const simulation = new Simulation(Number(process.argv[2]), {
  onLine: (line) => {
    lines++;
    digest.update(`${line}\n`);
  },
});
const error = await runOnce(simulation, history);
process.stdout.write(`${lines} lines, ${simulation.clock.events} events, ${digest.digest("hex")}, ${error?.message ?? "passed"}\n`);
