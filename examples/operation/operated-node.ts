/** What is around a service when it is operated: options from the environment, a page of metrics, events in the log, its load. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type ClusterNode, createNode, type Environment, onEvent, optionsFromEnv } from "clusterts";
import { prometheusMetrics } from "clusterts/metrics";
import * as echo from "../echo/gen/echo.js";

export async function startService(env: Environment): Promise<ClusterNode> {
  const node = createNode(optionsFromEnv(env)); // all that is wrong in the environment, at once
  echo.Register(node, ({ msg }) => ({ msg }));
  await node.start();
  return node;
}

/** A page for Prometheus. */
export async function serveMetrics(node: ClusterNode, port: number): Promise<Server> {
  const metrics = prometheusMetrics(node);
  const server = createServer((_, answer) => {
    answer.setHeader("content-type", metrics.contentType).end(metrics.text());
  });
  server.on("close", () => metrics.close());
  await once(server.listen(port, "127.0.0.1"), "listening");
  return server;
}

/** What somebody on call wants to read. */
export function logTroubles(write: (line: string) => void): () => void {
  const stops = [
    onEvent("clusterts:limit", ({ node, limit, peer, reason }) =>
      write(`${node} is over ${limit}${peer ? ` with ${peer}` : ""}: ${reason}`),
    ),
    onEvent("clusterts:link", (event) => {
      if (event.type === "lost") write(`${event.node} lost ${event.peer} after ${event.openMs.toFixed()} ms: ${event.reason}`);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Players, or whatever fills this node; the unit is yours. */
export function reportPlayers(node: ClusterNode, players: () => number): () => void {
  const timer = setInterval(() => node.reportLoad(players(), { mode: "ranked" }), 1_000);
  node.reportLoad(players(), { mode: "ranked" });
  return () => clearInterval(timer);
}
