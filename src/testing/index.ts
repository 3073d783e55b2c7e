/** `clusterts/testing`: a whole cluster in one process, on virtual time, broken in every way from a seed. */
export { InvariantError, type Setup, type Sim, type SimNodeOptions } from "./sim.js";
export { type Scenario, type SimulateOptions, SimulationError, simulate } from "./simulate.js";
