/** Against the real `@opentelemetry/api` and SDK; `OTEL_MODULES` names the folder that has them where this package's does not. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join } from "node:path";
import { RpcError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { OpenTelemetryApi } from "../../src/otel/api.js";
import { openTelemetry } from "../../src/otel/index.js";
import { byType } from "../../src/rpc/picker.js";
import { Cluster } from "../support/cluster.js";
import { echo, type Note, noteMethod, textNote } from "../support/note.js";

const relay = noteMethod("relay");
const fail = noteMethod("fail");

/** What the tests see of the SDK. */
interface FinishedSpan {
  readonly name: string;
  readonly kind: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly code: number };
  readonly parentSpanContext?: { readonly spanId: string; readonly traceId: string };
  readonly events: readonly { readonly name: string }[];
  spanContext(): { readonly spanId: string; readonly traceId: string };
}
interface Sdk {
  readonly api: OpenTelemetryApi<unknown> & {
    readonly trace: { setGlobalTracerProvider(provider: object): boolean; disable(): void };
    readonly context: { setGlobalContextManager(manager: object): boolean; disable(): void };
    readonly propagation: {
      setGlobalPropagator(propagator: object): boolean;
      disable(): void;
      createBaggage(entries: object): unknown;
      setBaggage(context: unknown, baggage: unknown): unknown;
    };
    readonly metrics: { setGlobalMeterProvider(provider: object): boolean; disable(): void };
  };
  readonly spans: () => FinishedSpan[];
  readonly collect: () => Promise<Map<string, readonly { readonly attributes: Record<string, unknown>; readonly value: unknown }[]>>;
  readonly end: () => Promise<void>;
}

const require = createRequire(join(process.env.OTEL_MODULES ?? import.meta.dirname, "program.js"));
const isThere = ((): boolean => {
  try {
    require.resolve("@opentelemetry/sdk-trace-base");
    return true;
  } catch {
    return false;
  }
})();

/** The SDK, set up as a program does. */
function setUp(): Sdk {
  const api = require("@opentelemetry/api");
  const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-base");
  const { AsyncLocalStorageContextManager } = require("@opentelemetry/context-async-hooks");
  const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require("@opentelemetry/core");
  const { MeterProvider, MetricReader } = require("@opentelemetry/sdk-metrics");
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  class Reader extends MetricReader {
    async onForceFlush(): Promise<void> {}
    async onShutdown(): Promise<void> {}
  }
  const reader = new Reader();
  const meters = new MeterProvider({ readers: [reader] });
  api.trace.setGlobalTracerProvider(provider);
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(
    new CompositePropagator({ propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()] }),
  );
  api.metrics.setGlobalMeterProvider(meters);
  return {
    api,
    spans: () => exporter.getFinishedSpans(),
    collect: async () => {
      const { resourceMetrics } = await reader.collect();
      const metrics = resourceMetrics.scopeMetrics.flatMap((scope: { metrics: object[] }) => scope.metrics);
      return new Map(
        metrics.map((metric: { descriptor: { name: string }; dataPoints: object[] }) => [metric.descriptor.name, metric.dataPoints]),
      );
    },
    end: async () => {
      for (const part of [api.trace, api.context, api.propagation, api.metrics]) part.disable();
      await Promise.all([provider.shutdown(), meters.shutdown()]);
    },
  };
}

suite("OpenTelemetry", () => {
  let sdk: Sdk;
  setup(function () {
    // In ci it must be there.
    if (!isThere && process.env.CI !== "true") this.skip();
    sdk = setUp();
  });
  teardown(async () => await sdk?.end());

  /** `1.3.1` asks `1.2.1`, which asks `1.1.1`. */
  async function chain(): Promise<{ readonly cluster: Cluster; readonly nodes: readonly ClusterNode[]; readonly caller: ClusterNode }> {
    const cluster = new Cluster();
    const prepare = (node: ClusterNode): void => {
      openTelemetry(node, sdk.api);
      node.handle(echo, (note: Note) => note);
      node.handle(relay, (note: Note) => node.invoke("1.1.1", echo, note));
      node.handle(fail, (note: Note) => {
        throw note.text === "" ? new TypeError("broken") : new RpcError("NOT_FOUND", "no such note");
      });
    };
    const nodes = [await cluster.start("1.1.1", {}, prepare), await cluster.start("1.2.1", {}, prepare)];
    const caller = await cluster.start("1.3.1", {}, prepare);
    return { cluster, nodes: [...nodes, caller], caller };
  }

  test("a call that makes another, is one trace of four spans across three nodes", async () => {
    const { cluster, caller } = await chain();
    await cluster.run(caller.invoke("1.2.1", relay, textNote("x"), { metadata: { token: "t" } }));
    const spans = sdk.spans();
    const path: string[] = [];
    let parent: string | undefined;
    for (let depth = 0; depth < 4; depth++) {
      const span = spans.find(({ parentSpanContext }) => parentSpanContext?.spanId === parent)!;
      path.push(`${span.name} ${span.kind} at ${span.attributes["clusterts.node"]}`);
      parent = span.spanContext().spanId;
      assert.equal(span.attributes["clusterts.code"], "OK");
    }
    assert.deepEqual(path, [
      "test.Notes/relay 2 at 1.3.1",
      "test.Notes/relay 1 at 1.2.1",
      "test.Notes/echo 2 at 1.2.1",
      "test.Notes/echo 1 at 1.1.1",
    ]);
    assert.equal(spans.length, 4);
    assert.equal(new Set(spans.map((span) => span.spanContext().traceId)).size, 1);
    const [first] = spans.filter(({ parentSpanContext }) => parentSpanContext === undefined);
    assert.deepEqual(
      [first!.attributes["rpc.service"], first!.attributes["rpc.method"], first!.attributes["clusterts.target"]],
      ["test.Notes", "relay", "1.2.1"],
    );
    await cluster.close();
  });

  test("failures, are errors of the caller's span; of the handler's only where it is at fault", async () => {
    const { cluster, caller } = await chain();
    await cluster.fails(caller.invoke(byType(1), fail, textNote("x")));
    await cluster.fails(caller.invoke("1.1.1", fail, textNote("")));
    await cluster.fails(caller.invoke("1.1.9", echo, textNote("")));
    const facts = sdk
      .spans()
      .map(({ kind, status, attributes, events }) => [kind, status.code, attributes["clusterts.code"], events.length]);
    assert.deepEqual(facts, [
      [1, 0, "NOT_FOUND", 0],
      [2, 2, "NOT_FOUND", 1],
      [1, 2, "INTERNAL", 1],
      [2, 2, "INTERNAL", 1],
      [2, 2, "UNAVAILABLE", 1],
    ]);
    const [, byPicker] = sdk.spans();
    assert.deepEqual([byPicker!.attributes["clusterts.target"], byPicker!.attributes["clusterts.peer"]], ["type 1", "1.1.1"]);
    await cluster.close();
  });

  test("a post, is a producer's and a consumer's span", async () => {
    const { cluster, caller } = await chain();
    await cluster.run(caller.post("1.1.1", echo, textNote("x")));
    await cluster.clock.advance(5);
    assert.deepEqual(
      sdk
        .spans()
        .map(({ kind }) => kind)
        .sort(),
      [3, 4],
    );
    await cluster.close();
  });

  test("the application's metadata, arrive beside the trace's, and baggage that is too large costs no call", async () => {
    const cluster = new Cluster();
    let seen: ReadonlyMap<string, Uint8Array> = new Map();
    await cluster.start("1.1.1", {}, (node) =>
      node.handle(echo, (note: Note, { metadata }) => {
        seen = metadata;
        return note;
      }),
    );
    const caller = await cluster.start("1.2.1", {}, (node) => void openTelemetry(node, sdk.api));
    const { propagation, context } = sdk.api;
    const baggage = propagation.createBaggage({ big: { value: "x".repeat(4_000) } });
    const call = context.with(propagation.setBaggage(context.active(), baggage), () =>
      caller.invoke("1.1.1", echo, textNote("x"), { metadata: { token: "t".repeat(6_000) } }),
    );
    await cluster.run(call);
    assert.deepEqual([...seen.keys()].sort(), ["token", "traceparent"]);
    assert.match(Buffer.from(seen.get("traceparent")!).toString(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    await cluster.close();
  });

  test("measures, have durations by method and code and what status() says; closed, end", async () => {
    const cluster = new Cluster();
    await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    const telemetry = openTelemetry(caller, sdk.api);
    for (let i = 0; i < 3; i++) await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    const metrics = await sdk.collect();
    const [duration] = metrics.get("clusterts.call.duration")!;
    assert.deepEqual(duration!.attributes, { "clusterts.node": "1.2.1", "rpc.method": "test.Notes/echo", "clusterts.code": "OK" });
    assert.equal((duration!.value as { count: number }).count, 3);
    assert.deepEqual(
      metrics.get("clusterts.links")!.map(({ value }) => value),
      [1],
    );
    assert.equal(metrics.get("clusterts.network.io")!.length, 2);
    telemetry.close();
    telemetry.close();
    const spansBefore = sdk.spans().length;
    await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    assert.equal(sdk.spans().length, spansBefore);
    assert.equal(((await sdk.collect()).get("clusterts.call.duration")![0]!.value as { count: number }).count, 3);
    await cluster.close();
  });
});
