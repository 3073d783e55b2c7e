/**
 * `node gateway.mjs [--rounds 5] [--clients 5000] [--seconds 10]`: what a gateway costs. Three processes: backend, gateway or a
 * plain proxy of two `pipe()`, clients.
 *
 * Bulk and small messages go through the gateway and through the proxy in turn, so that neighbours in time are compared. Then
 * `--clients` of each transport connect and each says 32 bytes once a second: memory of the gateway per client, echo times.
 * Ends with status 1 when bulk is below 0.7 of the proxy's, or a client was not answered.
 */
import { once } from "node:events";
import net from "node:net";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { pipeGateway, tcp, websocket } from "clusterts/gateway";
import { dialKcp, dialTcp, dialWebSocket } from "clusterts/gateway/client";
import { kcp } from "clusterts/gateway/kcp";
import { freePort } from "./lib/launch.mjs";
import { describeMachine } from "./lib/machine.mjs";
import { endWithStdin, memoryInUse, nodeAmong, ownRole, startRole, tell } from "./lib/roles.mjs";
import { figure, median, quantile, range, table } from "./lib/stats.mjs";
import { sleep } from "./scenarios/client.mjs";

const FILE = fileURLToPath(import.meta.url);
const HOST = "127.0.0.1";
const BACKEND = "1.1.1";
const LEAST_BULK_RATIO = 0.7;
const BULK_BYTES = 512 * 1024 ** 2;
const SMALL_CLIENTS = 1_000;
const SMALL_MS = 4_000;
const MESSAGE = Buffer.alloc(32, 1);
const CHUNK = Buffer.alloc(64 * 1024);
/** First byte of a connection: send so many bytes. Any other: echo. */
const DOWNLOAD = 2;
/** So many dial at once: a burst is another matter, and KCP has a limit for peers that have not proved their address. */
const AT_ONCE = 100;
const TRANSPORTS = ["tcp", "websocket", "kcp"];

const [role, job] = ownRole();
if (role === "server") await serve(job);
else if (role === "client") tell("RESULT", await { bulk, small, many }[job.scenario](job));
else await run();

async function serve({ what, endpoints, ports }) {
  endWithStdin();
  if (what === "backend") {
    const node = nodeAmong(endpoints, BACKEND);
    node.onStream(answer);
    await node.start();
    await once(net.createServer({ allowHalfOpen: true, noDelay: true }, answer).listen(ports.backend, HOST), "listening");
  } else if (what === "proxy") {
    const proxy = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const upstream = net.connect({ port: ports.backend, host: HOST, allowHalfOpen: true, noDelay: true });
      socket.on("error", () => upstream.destroy());
      upstream.on("error", () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    });
    await once(proxy.listen({ port: ports.proxy, host: HOST, backlog: 4_096 }), "listening");
  } else {
    const node = nodeAmong(endpoints, "1.2.1", { listen: `${HOST}:0` });
    await node.start();
    const most = { maxSessions: 65_536, maxSessionsPerHost: 65_536 };
    const listen = [
      tcp({ port: ports.tcp, host: HOST }),
      websocket({ port: ports.websocket, host: HOST }),
      kcp({ port: ports.kcp, host: HOST, ...most }),
    ];
    const limits = { maxClients: 100_000, maxClientsPerAddress: 100_000 };
    await pipeGateway(node, { listen, accept: () => ({ to: BACKEND }), ...limits }).start();
    // Asked by a connection: the memory in use.
    const asked = net.createServer((socket) => socket.end(JSON.stringify(memoryInUse())));
    await once(asked.listen(ports.memory, HOST), "listening");
  }
  tell("READY");
}

/** A backend's end of a connection or stream. */
function answer(stream) {
  stream.on("error", () => {});
  stream.once("data", (first) => {
    if (first[0] !== DOWNLOAD) {
      stream.write(first);
      stream.on("data", (chunk) => {
        if (!stream.write(chunk)) stream.pause();
      });
      stream.on("drain", () => stream.resume());
      stream.on("end", () => stream.end());
      return;
    }
    let left = BULK_BYTES;
    const pump = () => {
      while (left > 0) {
        left -= CHUNK.length;
        if (!stream.write(CHUNK)) return;
      }
      stream.end();
    };
    stream.on("drain", pump);
    pump();
  });
}

/** Bytes per second of one download. */
async function bulk({ port }) {
  const socket = await dialTcp(`${HOST}:${port}`);
  const startedAt = performance.now();
  let bytes = 0;
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.write(Buffer.of(DOWNLOAD));
  await once(socket, "end");
  socket.end();
  if (bytes !== BULK_BYTES) throw new Error(`${bytes} of ${BULK_BYTES} bytes`);
  return { perSecond: (bytes / (performance.now() - startedAt)) * 1_000 };
}

/** Messages per second of many connections, each of which sends the next one when it has the last one back. */
async function small({ port }) {
  const sockets = await dialMany(SMALL_CLIENTS, () => dialTcp(`${HOST}:${port}`));
  const until = performance.now() + SMALL_MS;
  const times = [];
  await Promise.all(sockets.map((socket) => pingPong(socket, until, times)));
  times.sort((a, b) => a - b);
  return { perSecond: (times.length / SMALL_MS) * 1_000, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

function pingPong(socket, until, times) {
  return new Promise((resolve) => {
    let heard = 0;
    let sentAt = performance.now();
    socket.on("data", (chunk) => {
      heard += chunk.length;
      if (heard < MESSAGE.length) return;
      heard = 0;
      const now = performance.now();
      times.push(now - sentAt);
      if (now >= until) {
        socket.end();
        return resolve();
      }
      sentAt = now;
      socket.write(MESSAGE);
    });
    socket.write(MESSAGE);
  });
}

/** Clients of one transport, each of which says something once a second. */
async function many({ transport, ports, clients, seconds }) {
  const dial = {
    tcp: () => dialTcp(`${HOST}:${ports.tcp}`),
    websocket: () => dialWebSocket(`ws://${HOST}:${ports.websocket}/`),
    kcp: () => dialKcp(`${HOST}:${ports.kcp}`),
  }[transport];
  const memory = async () => {
    const socket = net.connect(ports.memory, HOST);
    let text = "";
    for await (const chunk of socket) text += chunk;
    return JSON.parse(text);
  };
  const warm = await dialMany(AT_ONCE, dial);
  const times = [];
  await Promise.all(warm.map((stream) => pingPong(stream, performance.now() + 500, [])));
  for (const stream of warm) stream.destroy();
  await sleep(1_000);
  const before = await memory();
  const streams = await dialMany(clients, dial, (stream) => pingPongOnce(stream, []));
  await sleep(1_000);
  const after = await memory();
  const startedAt = performance.now();
  await Promise.all(
    streams.map(async (stream, index) => {
      await sleep((1_000 * index) / streams.length);
      for (let second = 0; second < seconds; second++) {
        const turnAt = performance.now();
        await pingPongOnce(stream, times);
        await sleep(Math.max(0, 1_000 - (performance.now() - turnAt)));
      }
    }),
  );
  const tookMs = performance.now() - startedAt;
  for (const stream of streams) stream.destroy();
  times.sort((a, b) => a - b);
  const [rss, heapUsed] = ["rss", "heapUsed"].map((part) => (after[part] - before[part]) / clients);
  return { echoes: times.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), most: times.at(-1), rss, heapUsed, tookMs };
}

/** One message there and back. */
function pingPongOnce(stream, times) {
  return new Promise((resolve) => {
    const sentAt = performance.now();
    let heard = 0;
    const onData = (chunk) => {
      heard += chunk.length;
      if (heard < MESSAGE.length) return;
      stream.off("data", onData);
      times.push(performance.now() - sentAt);
      resolve();
    };
    stream.on("data", onData);
    stream.write(MESSAGE);
  });
}

async function dialMany(count, dial, prepare = async () => {}) {
  const streams = [];
  while (streams.length < count) {
    const some = await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - streams.length) }, dial));
    for (const stream of some) stream.on("error", () => {});
    await Promise.all(some.map(prepare));
    streams.push(...some);
  }
  return streams;
}

async function run() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      clients: { type: "string", default: "5000" },
      seconds: { type: "string", default: "10" },
    },
  });
  const [rounds, clients, seconds] = [values.rounds, values.clients, values.seconds].map(Number);
  const names = ["node", "backend", "proxy", "tcp", "websocket", "kcp", "memory"];
  const ports = {};
  for (const name of names) ports[name] = await freePort();
  const endpoints = { [BACKEND]: `${HOST}:${ports.node}` };
  const servers = [];
  for (const what of ["backend", "proxy", "gateway"]) {
    const server = startRole(FILE, "server", { what, endpoints, ports });
    servers.push(server);
    await server.wait("READY", 10_000);
  }
  const measure = async (scenario, more, timeoutMs) => {
    const client = startRole(FILE, "client", { scenario, ...more });
    const result = await client.wait("RESULT", timeoutMs);
    await client.kill();
    return result;
  };
  const ways = { proxy: ports.proxy, gateway: ports.tcp };
  const results = { bulk: { proxy: [], gateway: [] }, small: { proxy: [], gateway: [] } };
  for (let round = 0; round < rounds; round++) {
    for (const scenario of ["bulk", "small"]) {
      for (const [way, port] of Object.entries(ways)) results[scenario][way].push(await measure(scenario, { port }, 60_000));
    }
  }
  const crowds = {};
  for (const transport of TRANSPORTS) {
    crowds[transport] = await measure("many", { transport, ports, clients, seconds }, 180_000 + 2_000 * seconds);
  }
  await Promise.all(servers.map((server) => server.kill()));
  report(results, crowds, { rounds, clients, seconds });
}

function report(results, crowds, { rounds, clients, seconds }) {
  const machine = describeMachine();
  console.log(`${machine.cpu}, ${machine.cores} cores, Node.js ${machine.node}, commit ${machine.commit}; ${rounds} rounds\n`);
  const ratios = (scenario) =>
    results[scenario].gateway.map(({ perSecond }, round) => perSecond / results[scenario].proxy[round].perSecond);
  const of = (scenario, way, part, scale = 1) => results[scenario][way].map((each) => each[part] / scale);
  const shown = (values) => `${figure(median(values))} (${range(values)})`;
  const line = (title, scenario, part, scale) => [title, ...["proxy", "gateway"].map((way) => shown(of(scenario, way, part, scale)))];
  console.log(
    table(
      ["", "plain proxy", "gateway", "ratio"],
      [
        [...line("bulk, MB/s", "bulk", "perSecond", 1e6), shown(ratios("bulk"))],
        [...line(`32 bytes, ${SMALL_CLIENTS} connections, messages/s`, "small", "perSecond"), shown(ratios("small"))],
        [...line("  p50 ms", "small", "p50"), ""],
        [...line("  p99 ms", "small", "p99"), ""],
      ],
    ),
  );
  console.log(`\n${clients} clients of one transport, each 32 bytes once a second for ${seconds} s:\n`);
  const rows = Object.entries(crowds).map(([transport, { p50, p99, most, rss, heapUsed }]) => {
    return [transport, ...[p50, p99, most, rss, heapUsed].map(figure)];
  });
  console.log(table(["", "p50 ms", "p99 ms", "slowest ms", "gateway's rss, bytes per client", "heap, bytes per client"], rows));
  const ratio = median(ratios("bulk"));
  const verdicts = [
    [ratio >= LEAST_BULK_RATIO, `bulk at ${figure(ratio)} of the proxy's (at least ${LEAST_BULK_RATIO})`],
    ...Object.entries(crowds).map(([transport, { echoes }]) => [
      echoes === clients * seconds,
      `${transport}: ${echoes} of ${clients * seconds} echoes`,
    ]),
  ];
  console.log("");
  for (const [holds, text] of verdicts) console.log(`${holds ? "PASS" : "FAIL"}  ${text}`);
  process.exitCode = verdicts.every(([holds]) => holds) ? 0 : 1;
}
