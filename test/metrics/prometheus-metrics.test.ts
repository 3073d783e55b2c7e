import assert from "node:assert/strict";
import { hasSubscribers } from "node:diagnostics_channel";
import { RpcError } from "../../src/errors.js";
import { DurationSeries } from "../../src/metrics/duration-series.js";
import { Exposition } from "../../src/metrics/exposition.js";
import { prometheusMetrics } from "../../src/metrics/index.js";
import { Cluster } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";

const fail = noteMethod("fail");

/** The samples of a page by name and labels. Fails for a line that Prometheus would not read, and for a metric that is begun twice or not at all. */
function samplesOf(page: string): Map<string, number> {
  assert.ok(page.endsWith("\n"));
  const samples = new Map<string, number>();
  const types = new Map<string, string>();
  let current = "";
  for (const line of page.trimEnd().split("\n")) {
    if (line.startsWith("# HELP ")) continue;
    const [, name, type] = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line) ?? [];
    if (name !== undefined) {
      assert.equal(types.has(name), false, `${name} is begun twice`);
      types.set(name, type!);
      current = name;
      continue;
    }
    const [, sample, labels = "", value] = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)+\})? (\S+)$/.exec(line) ?? assert.fail(line);
    assert.ok(sample === current || types.get(current) === "histogram", `${sample} under ${current}`);
    assert.equal(types.get(current) === "counter", sample!.endsWith("_total"), sample);
    assert.equal(samples.has(`${sample}${labels}`), false, `${line} stands twice`);
    samples.set(`${sample}${labels}`, Number(value));
  }
  return samples;
}

suite("Prometheus metrics", () => {
  test("of streams and of harbors that relay them, have what came of them and their bytes", async () => {
    const cluster = new Cluster();
    const harbor = await cluster.start("1.255.1", { harbors: cluster.discovery });
    await cluster.start("2.255.1", { harbors: cluster.discovery });
    const target = await cluster.start("2.1.1", {}, (node) => node.onStream((stream) => void stream.pipe(stream as never)));
    const opener = await cluster.start("1.1.1");
    using metrics = prometheusMetrics([opener, harbor, target]);
    const first = await cluster.run(opener.openStream("2.1.1"));
    const second = await cluster.run(opener.openStream("2.1.1"));
    first.end(Buffer.alloc(10_000));
    await cluster.run(
      (async () => {
        for await (const _ of first);
      })(),
    );
    await cluster.fails(opener.openStream("2.1.1", { protocol: "chess" }));
    await cluster.fails(opener.openStream("3.1.1"));
    await cluster.clock.advance(5);
    const samples = samplesOf(metrics.text());
    const expected: readonly (readonly [string, number])[] = [
      ['clusterts_streams{node="1.1.1"}', 1],
      ['clusterts_streams_total{node="1.1.1",outcome="opened"}', 2],
      ['clusterts_streams_total{node="1.1.1",outcome="notOpened"}', 2],
      ['clusterts_streams_total{node="2.1.1",outcome="accepted"}', 2],
      ['clusterts_streams_total{node="2.1.1",outcome="refused"}', 1],
      ['clusterts_stream_resets_total{node="1.1.1",direction="in"}', 2],
      ['clusterts_stream_unread_bytes{node="1.1.1"}', 0],
      ['clusterts_harbor_streams{node="1.255.1"}', 1],
      ['clusterts_harbor_streams_total{node="1.255.1",outcome="accepted"}', 2],
      ['clusterts_harbor_streams_total{node="1.255.1",outcome="ended"}', 1],
      ['clusterts_harbor_streams_total{node="1.255.1",outcome="broken"}', 1],
      ['clusterts_harbor_streams_total{node="1.255.1",outcome="refused"}', 1],
    ];
    for (const [name, value] of expected) assert.equal(samples.get(name), value, name);
    for (const name of [
      'clusterts_harbor_stream_bytes_total{node="1.255.1"}',
      'clusterts_stream_bytes_total{node="1.1.1",direction="out"}',
    ])
      assert.ok(samples.get(name)! > 10_000, name);
    const before = samples.get('clusterts_stream_bytes_total{node="1.1.1",direction="in"}')!;
    second.destroy();
    cluster.network.reset("h1-1-1", "h1-255-1");
    await cluster.clock.advance(50);
    assert.ok(
      samplesOf(metrics.text()).get('clusterts_stream_bytes_total{node="1.1.1",direction="in"}')! >= before,
      "it outlasts its sessions",
    );
    await cluster.close();
  });

  test("of nodes that talk, have durations by method and code, links, bytes, drops, refusals and limits", async () => {
    const cluster = new Cluster();
    const handler = await cluster.start("1.1.1", { rpc: { maxPayloadBytes: 100 } }, (node) => {
      node.handle(echo, async (note: Note) => note);
      node.handle(fail, () => {
        throw new RpcError("MY_CODE", "no");
      });
      node.limit("test.Notes/echo", { maxConcurrent: 5 });
    });
    const caller = await cluster.start("1.2.1");
    const other = await cluster.start("1.3.1");
    using metrics = prometheusMetrics([handler, caller]);
    for (let i = 0; i < 3; i++) await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    await cluster.fails(caller.invoke("1.1.1", fail, textNote("x")));
    await cluster.fails(caller.invoke("1.1.1", echo, textNote("x".repeat(200))));
    await cluster.run(other.send("1.1.1", noteMessage, textNote("x")));
    await cluster.clock.advance(5);
    const samples = samplesOf(metrics.text());
    const expected: readonly (readonly [string, number])[] = [
      ['clusterts_call_duration_seconds_count{node="1.2.1",method="test.Notes/echo",code="OK"}', 3],
      ['clusterts_call_duration_seconds_count{node="1.2.1",method="test.Notes/fail",code="OTHER"}', 1],
      ['clusterts_call_duration_seconds_bucket{node="1.2.1",method="test.Notes/echo",code="OK",le="+Inf"}', 3],
      ['clusterts_handler_duration_seconds_count{node="1.1.1",method="test.Notes/echo",code="OK"}', 3],
      ['clusterts_up{node="1.1.1"}', 1],
      ['clusterts_links{node="1.1.1",phase="ready"}', 2],
      ['clusterts_links{node="1.1.1",phase="dialing"}', 0],
      ['clusterts_link_events_total{node="1.2.1",event="opened"}', 1],
      ['clusterts_drops_total{node="1.1.1",cause="noHandler"}', 1],
      ['clusterts_one_ways_dropped_total{node="1.1.1"}', 1],
      ['clusterts_method_limit_running{node="1.1.1",method="test.Notes/echo"}', 0],
      ['clusterts_limit_hits_total{node="1.2.1",limit="rpc.maxPayloadBytes"}', 1],
      ['clusterts_requests_total{node="1.1.1"}', 4],
    ];
    for (const [name, value] of expected) assert.equal(samples.get(name), value, name);
    assert.ok(samples.get('clusterts_call_duration_seconds_sum{node="1.2.1",method="test.Notes/echo",code="OK"}')! > 0);
    assert.ok(samples.get('clusterts_network_bytes_total{node="1.1.1",direction="in"}')! > 100);
    assert.equal(
      [...samples.keys()].some((name) => name.includes("1.3.1")),
      false,
      "a node that is not measured is not there",
    );
    await cluster.close();
  });

  test("bytes over a link that is gone, still count", async () => {
    const cluster = new Cluster();
    const handler = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note: Note) => note));
    const caller = await cluster.start("1.2.1");
    await cluster.run(caller.invoke("1.1.1", echo, textNote("x")));
    const { bytesIn } = handler.status().traffic;
    assert.ok(bytesIn > 0);
    await cluster.run(caller.close());
    await cluster.clock.advance(50);
    assert.ok(handler.status().traffic.bytesIn >= bytesIn);
    await cluster.close();
  });

  test("closed, leave the channels without subscribers", () => {
    const cluster = new Cluster();
    const metrics = prometheusMetrics(cluster.make("1.1.1"));
    assert.equal(hasSubscribers("clusterts:call"), true);
    metrics.close();
    assert.equal(
      ["call", "handler", "link", "drop", "discovery", "member"].some((name) => hasSubscribers(`clusterts:${name}`)),
      false,
    );
  });

  test("more methods than are told apart, share a series", () => {
    const series = new DurationSeries("d_seconds", "", [1, 2], 3);
    for (let i = 0; i < 100; i++) {
      series.add(
        `m${i}`,
        () => ({ method: `m${i}` }),
        () => ({ method: "(others)" }),
        1.5,
      );
    }
    const page = new Exposition();
    series.write(page);
    const samples = samplesOf(page.toString());
    assert.equal(samples.get('d_seconds_count{method="m2"}'), 1);
    assert.equal(samples.get('d_seconds_count{method="(others)"}'), 97);
    assert.equal(samples.get('d_seconds_bucket{method="(others)",le="1"}'), 0);
    assert.equal(samples.get('d_seconds_bucket{method="(others)",le="2"}'), 97);
    assert.equal(samples.size, 4 * 5);
  });

  test("a value with quotes and line ends, stays in its label", () => {
    const page = new Exposition();
    page.begin("a_total", "counter", "A.");
    page.sample("a_total", { x: 'a"b\\c\nd 1\n' }, 2);
    assert.deepEqual([...samplesOf(page.toString())], [['a_total{x="a\\"b\\\\c\\nd 1\\n"}', 2]]);
  });

  test("buckets that do not rise, are refused", () => {
    assert.throws(() => prometheusMetrics([], { bucketsSeconds: [1, 1] }), { name: "InvalidOptionsError" });
    assert.throws(() => prometheusMetrics([], { bucketsSeconds: [0] }), { name: "InvalidOptionsError" });
  });
});
