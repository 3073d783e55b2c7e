/** Runs a scenario many times, each time from another seed; the first failure is reported so that it can be replayed. */
import { randomInt } from "node:crypto";
import { InvalidOptionsError } from "../errors.js";
import { type DriveEnd, drive } from "./driver.js";
import { installFakeTimers } from "./fake-timers.js";
import { finish } from "./invariants.js";
import { type Sim, Simulation } from "./sim.js";

export interface SimulateOptions {
  /** Decides everything. The first run has this seed itself, the others have seeds made from it. Default: by chance, printed on failure. */
  seed?: number | undefined;
  /** How often the scenario is run. Default 1. With `CLUSTERTS_SEED` in the environment it is run once, from that seed. */
  runs?: number | undefined;
  /**
   * Whether the program's own `setTimeout`, `setInterval`, `setImmediate`, `Date`, `performance.now`, `Math.random`, `AbortSignal.timeout`
   * and the sleeps of `node:timers/promises` are on the simulation's time and chance while it runs. Those of a node's
   * handlers and of its `setup` stop and end with its process. Default false.
   */
  fakeTimers?: boolean | undefined;
}

export type Scenario = (sim: Sim) => Promise<void>;

/** Virtual time that a run may take beyond what it asks for by `advance`. */
const MAX_IDLE_MS = 3_600_000;

/** Lines of the trace in the message; `trace` has more. */
const LINES_SHOWN = 80;

/** A run that failed: why (`cause`), from which seed, and what happened before. */
export class SimulationError extends Error {
  override readonly name = "SimulationError";
  /** Seed of the run; `CLUSTERTS_SEED` or the option `seed` replays it. */
  readonly seed: number;
  /** The last events, oldest first. */
  readonly trace: readonly string[];

  constructor(seed: number, run: number, runs: number, cause: Error, trace: readonly string[]) {
    const shown = trace.slice(-LINES_SHOWN);
    super(
      [
        `run ${run + 1} of ${runs} failed: ${cause.message}`,
        `CLUSTERTS_SEED=${seed} replays it. Its last ${shown.length} events:`,
        ...shown,
      ].join("\n"),
      { cause },
    );
    this.seed = seed;
    this.trace = trace;
  }
}

/**
 * Runs `scenario` on a cluster in this process, in virtual time, `runs` times. What the library promises of every call is
 * checked in each run, and when the scenario is over: that everything is reachable again, and that nothing is left after close.
 *
 * @throws {@link SimulationError} for the first run that fails, with its seed and what happened in it.
 */
export async function simulate(options: SimulateOptions, scenario: Scenario): Promise<void> {
  const { seeds } = planOf(options);
  const isTimed = options.fakeTimers === true;
  let simulation: Simulation | undefined;
  const restore = isTimed ? installFakeTimers(() => simulation!.timeSource) : undefined;
  try {
    for (const [run, seed] of seeds.entries()) {
      simulation = new Simulation(seed, { isTimed });
      const error = await runOnce(simulation, scenario);
      if (error !== undefined) throw new SimulationError(seed, run, seeds.length, error, simulation.trace.last());
    }
  } finally {
    restore?.();
  }
}

/** One run; what went wrong in it. */
export async function runOnce(simulation: Simulation, scenario: Scenario): Promise<Error | undefined> {
  let over = false;
  const done = (): void => {
    over = true;
  };
  const body = (async () => {
    await scenario(simulation);
    await finish(simulation);
  })();
  const outcome = Promise.race([body, simulation.failed]).then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error : new Error(`the scenario threw ${String(error)}`)),
  );
  outcome.then(done, done);
  try {
    const end = await drive({ clock: simulation.clock, isOver: () => over, limitAt: () => MAX_IDLE_MS + simulation.advancedMs });
    return end === "over" ? await outcome : hung(simulation, end);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function hung(simulation: Simulation, end: DriveEnd): Error {
  const why =
    end === "idle"
      ? "nothing is left that could bring it: no timer, nothing on its way"
      : `${MAX_IDLE_MS / 60_000} virtual minutes brought nothing`;
  const open = simulation.ledger.describeOpen();
  const waiting = open.length === 0 ? "" : `; without an outcome: ${open.join(", ")}`;
  return new Error(`the scenario hangs: it awaits something, and ${why}${waiting}`);
}

function planOf({ seed, runs = 1 }: SimulateOptions): { readonly seeds: readonly number[] } {
  const replay = process.env.CLUSTERTS_SEED;
  if (replay !== undefined && replay !== "") return { seeds: [checkedSeed(Number(replay), "CLUSTERTS_SEED")] };
  if (!Number.isInteger(runs) || runs < 1) throw new InvalidOptionsError("simulate", [`runs is a whole number from 1, got ${runs}`]);
  const base = seed === undefined ? randomInt(2 ** 32) : checkedSeed(seed, "seed");
  return { seeds: Array.from({ length: runs }, (_, run) => (base + Math.imul(run, 0x9e37_79b1)) >>> 0) };
}

function checkedSeed(seed: number, name: string): number {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return seed;
  throw new InvalidOptionsError("simulate", [`${name} is a whole number from 0 to ${2 ** 32 - 1}, got ${seed}`]);
}
