import { systemClock } from "../../src/internal/system-clock.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import { transportContract } from "../contract/transport.js";
import { SeededRandom } from "../support/seeded-random.js";

transportContract("memory", () => {
  const network = new MemoryNetwork({ clock: systemClock, random: new SeededRandom(1), conditions: { latencyMs: 0 } });
  return { dialer: network.transport("a"), listener: network.transport("a"), endpoint: { host: "a", port: 0 } };
});
