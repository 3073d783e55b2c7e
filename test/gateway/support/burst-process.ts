/** Opens many TCP connections at once, as fast as it can. Arguments: endpoint, count. Says how many were served and how many refused. */
import { connect } from "node:net";
import { parseEndpoint } from "../../../src/addr/endpoint.js";

const [endpoint, count] = process.argv.slice(2) as [string, string];
const { host, port } = parseEndpoint(endpoint);
const outcomes = Array.from({ length: Number(count) }, () => outcome());
const all = await Promise.all(outcomes);
process.send?.({ served: all.filter((each) => each).length, refused: all.filter((each) => !each).length }, () => process.disconnect());

/** True when an echo has come back. */
function outcome(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.once("connect", () => socket.write("?"));
    socket.once("data", () => {
      resolve(true);
      socket.end();
    });
    socket.on("error", () => {});
    socket.once("close", () => resolve(false));
  });
}
