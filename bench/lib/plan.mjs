/** Which contenders run in which scenario. */
import { gateContenders, gatedScenarios } from "./gates.mjs";

/** One entry per scenario: `{ scenario, names }`. */
export function planOf({ contenders, only, scenarios, floor, gates }) {
  if (!gates) {
    const names = only ?? Object.keys(contenders).filter((name) => !contenders[name].optional);
    return scenarios.map((scenario) => ({ scenario, names }));
  }
  return gatedScenarios
    .filter((scenario) => scenarios.includes(scenario))
    .map((scenario) => {
      const needed = [...new Set([floor, ...gateContenders(scenario)])];
      return { scenario, names: needed.filter((name) => only === undefined || only.includes(name)) };
    });
}
