/** A process with many registrations and watches that report a load every second: reporters.mjs <endpoint> <first> <count>. */
import { discoveryServer } from "../../dist/src/discovery/index.js";
import { makeAddress } from "../../dist/src/index.js";

const [endpoint, first, count] = process.argv.slice(2).map((text, index) => (index === 0 ? text : Number(text)));
const { signal } = new AbortController();
let loads = 0;
for (let from = 0; from < count; from += 25) await Promise.all(Array.from({ length: 25 }, (_, index) => start(first + from + index)));
process.send({ type: "started", at: Date.now() });
process.on("message", () => {
  process.send({ type: "loads", loads });
  process.exit(0);
});

async function start(id) {
  const discovery = discoveryServer(endpoint);
  const entry = await registered(discovery, { address: makeAddress(1, 1, id), endpoint: `10.0.0.1:${1000 + id}`, load: 0 });
  follow(discovery);
  setTimeout(() => setInterval(() => entry.update({ load: Math.random() }).catch(() => {}), 1_000), Math.random() * 1_000);
}

/** As nodes do: tries again. */
async function registered(discovery, member) {
  for (;;) {
    try {
      return await discovery.register(member, signal);
    } catch (error) {
      console.error(error.message);
    }
  }
}

async function follow(discovery) {
  for (;;) {
    try {
      for await (const event of discovery.watch(signal)) if (event.type === "delta") loads += event.put.length;
    } catch (error) {
      console.error(error.message);
    }
  }
}
