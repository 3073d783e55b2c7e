/** What operates a node, as a consumer writes it. Compiles without the types of Node.js, and to CommonJS. */
import { createNode, onEvent, optionsFromEnv, type TappedMessage, tapMessages } from "clusterts";
import { Node } from "clusterts/admin";
import { memory } from "clusterts/discovery";
import { prometheusMetrics } from "clusterts/metrics";
import type { OpenTelemetryApi } from "clusterts/otel";
import { openTelemetry } from "clusterts/otel";

/** Whatever the program's own `@opentelemetry/api` is. */
export function instrument<C>(node: Parameters<typeof openTelemetry>[0], api: OpenTelemetryApi<C>): void {
  openTelemetry(node, api, { metrics: false });
}

async function main(): Promise<void> {
  const node = createNode({ ...optionsFromEnv({ CLUSTERTS_ADDRESS: "1.1.1" }), discovery: memory() });
  using metrics = prometheusMetrics(node);
  const seen: TappedMessage[] = [];
  const stops = [
    tapMessages(node, { onMessage: (message) => void seen.push(message) }),
    onEvent("clusterts:node", (event) => {
      if (event.type === "phase" && event.node !== "1.1.1") throw new Error(`an event of ${event.node}`);
    }),
  ];
  await node.start();
  node.reportLoad(0.5);
  const { phase } = await Node.Call(node, "1.1.1").status({});
  if (phase !== "running") throw new Error(`it is ${phase}`);
  if (!metrics.text().includes('method="clusterts.Node/status"')) throw new Error("the call is not on the page");
  if (seen.length !== 4) throw new Error(`${seen.length} messages were seen of a request and a reply, out and in`);
  for (const stop of stops) stop();
  await node.close();
}

export const done = main();
