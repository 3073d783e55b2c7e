/** kcp-go's clients, whose bytes go through a gateway to a backend and back. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { pipeline } from "node:stream";
import { memory } from "../../../src/discovery/memory.js";
import { kcp } from "../../../src/gateway/kcp/index.js";
import { type PipeGateway, pipeGateway } from "../../../src/gateway/pipe-gateway.js";
import { type ClusterNode, createNode } from "../../../src/node/node.js";
import { until } from "../../support/until.js";
import { buildKcpGo, type KcpGo, KcpGoPeer } from "./kcp-go-peer.js";
import { LossyRelay } from "./lossy-relay.js";

const HOST = "127.0.0.1";
const TOTAL_BYTES = 1024 ** 2;
/** kcp-go cuts what is written into messages of one segment; a gateway passes bytes, so that their bounds are lost. */
const MODES = { stream: "stream", "message mode": "pieces" } as const;
const LOSSES = [0, 0.1, 0.3];

suite("kcp-go through a gateway", function () {
  this.timeout(60_000);
  let kcpGo: KcpGo;
  let backend: ClusterNode;
  let node: ClusterNode;
  let gateway: PipeGateway;
  /** What became of each stream at the backend. */
  const ends: (string | undefined)[] = [];

  suiteSetup(async function () {
    this.timeout(300_000);
    kcpGo = buildKcpGo();
    if (kcpGo.type === "missing") {
      process.stdout.write(`      skipped: ${kcpGo.why}\n`);
      return this.skip();
    }
    const discovery = memory();
    backend = createNode({ address: "1.1.1", discovery, logger: false });
    backend.onStream((stream) => void pipeline(stream, stream, (error) => ends.push(error?.message)));
    await backend.start();
    node = await createNode({ address: "1.2.1", discovery, logger: false }).start();
    const listen = [kcp({ port: 0, host: HOST, sendWindow: 512, receiveWindow: 512 })];
    gateway = await pipeGateway(node, { listen, accept: () => ({ to: "1.1.1" }), logger: false }).start();
  });

  suiteTeardown(async () => {
    if (kcpGo.type === "missing") return;
    rmSync(dirname(kcpGo.program), { recursive: true });
    gateway.destroy();
    await gateway.close();
    await node.close({ timeoutMs: 1 });
    await backend.close({ timeoutMs: 1 });
  });

  for (const [title, mode] of Object.entries(MODES)) {
    for (const loss of LOSSES) {
      test(`a client in ${title}, ${loss * 100} % loss: a backend's echo of 1 MB comes back whole`, async () => {
        assert.ok(kcpGo.type === "built");
        const before = gateway.status();
        const [listener] = before.listeners;
        await using relay = await LossyRelay.open(Number(listener!.endpoint.split(":")[1]), loss, 3);
        using client = new KcpGoPeer(kcpGo.program, "client", `${HOST}:${relay.port}`, mode, `${TOTAL_BYTES}`);
        assert.ok((await client.says("ECHOED")) > 0);
        const { accepted, streams, bytesIn, listeners } = gateway.status();
        assert.deepEqual([accepted - before.accepted, streams - before.streams], [1, 1]);
        assert.equal(bytesIn - before.bytesIn, TOTAL_BYTES);
        assert.equal(listeners[0]!.counters.malformed, 0);
        assert.deepEqual(ends, [], "the backend's streams are open: kcp-go tells no end");
        await until(() => gateway.clients().every(({ bytesOut, waitingBytes }) => bytesOut === TOTAL_BYTES && waitingBytes === 0));
      });
    }
  }
});
