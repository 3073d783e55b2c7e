/** Which contenders run in which scenario, and on which cores. */
import { gateContenders, gatedScenarios } from "./gates.mjs";
import { coresOf } from "./launch.mjs";

/** One entry per scenario: `{ scenario, names, cores }`. */
export function planOf(options) {
  const { contenders, only, scenarios, cores, floor } = options;
  if (!options.gates) {
    const names = only ?? Object.keys(contenders).filter((name) => !contenders[name].optional);
    return scenarios.map((scenario) => ({ scenario, names, cores }));
  }
  return gatedScenarios
    .filter((scenario) => scenarios.includes(scenario))
    .map((scenario) => {
      const needed = [...new Set([floor, ...gateContenders(scenario)])];
      const names = needed.filter((name) => only === undefined || only.includes(name));
      return { scenario, names, cores: cores ?? gateCores(scenario) };
    });
}

/**
 * Latency is bimodal: 20 us when the kernel puts both ends on one core, 65 us across cores. So A is pinned, one end on
 * each of two cores. The others are not: a contender whose library has threads of its own may use all cores.
 */
function gateCores(scenario) {
  return scenario === "A" ? coresOf("split") : undefined;
}
