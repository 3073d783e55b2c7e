import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { pipeline } from "node:stream";
import { dialKcp, type KcpOptions, listenKcp } from "../../../src/kcp/index.js";
import { buildKcpGo, type KcpGo, KcpGoPeer } from "./kcp-go-peer.js";
import { LossyRelay } from "./lossy-relay.js";

const TOTAL_BYTES = 1024 ** 2;
const MESSAGE_BYTES = 8_000;
/** kcp-go reads our message as one, and its `Write` cuts the echo into messages of one segment each. */
const ECHO_BYTES = [1_376, MESSAGE_BYTES % 1_376];
const MODES = ["stream", "message"] as const;
const LOSSES = [0, 0.1, 0.3];

suite("KCP beside kcp-go", function () {
  this.timeout(60_000);
  let kcpGo: KcpGo;

  suiteSetup(function () {
    this.timeout(300_000);
    kcpGo = buildKcpGo();
    if (kcpGo.type === "built") return;
    process.stdout.write(`      skipped: ${kcpGo.why}\n`);
    this.skip();
  });

  suiteTeardown(() => {
    if (kcpGo.type === "built") rmSync(dirname(kcpGo.program), { recursive: true });
  });

  const run = (...args: string[]): KcpGoPeer => {
    assert.ok(kcpGo.type === "built");
    return new KcpGoPeer(kcpGo.program, ...args);
  };

  for (const mode of MODES) {
    for (const loss of LOSSES) {
      const options: KcpOptions = { mode, sendWindow: 512, receiveWindow: 512 };

      test(`a kcp-go client in ${mode} mode, ${loss * 100} % loss: our listener echoes 1 MB`, async () => {
        const errors: (string | undefined)[] = [];
        const listener = await listenKcp({ listen: "127.0.0.1:0", ...options }, (session) => {
          pipeline(session, session, (error) => errors.push(error?.message));
        });
        try {
          await using relay = await LossyRelay.open(listener.endpoint.port, loss, 1);
          using client = run("client", `127.0.0.1:${relay.port}`, mode, `${TOTAL_BYTES}`);
          assert.ok((await client.says("ECHOED")) > 0);
          assert.deepEqual(errors, []);
          assert.equal(listener.counters.malformed, 0);
          assert.equal(listener.unprovenSessions, 0);
        } finally {
          listener.destroy();
        }
      });

      test(`a kcp-go server in ${mode} mode, ${loss * 100} % loss: our client gets its 1 MB back`, async () => {
        using server = run("server", "127.0.0.1:0", mode);
        await using relay = await LossyRelay.open(await server.says("LISTENING"), loss, 2);
        const session = await dialKcp(`127.0.0.1:${relay.port}`, options);
        const sent = Buffer.from(Array.from({ length: TOTAL_BYTES }, (_, index) => (index * 7) >> 3));
        const got: Buffer[] = [];
        let bytes = 0;
        const echoed = new Promise<void>((resolve) => {
          session.on("data", (chunk: Buffer) => {
            got.push(chunk);
            bytes += chunk.length;
            if (bytes === TOTAL_BYTES) resolve();
          });
        });
        for (let offset = 0; offset < TOTAL_BYTES; offset += MESSAGE_BYTES) {
          if (!session.write(sent.subarray(offset, offset + MESSAGE_BYTES))) await once(session, "drain");
        }
        // The end reaches kcp-go as a segment that it acknowledges and does not show.
        session.end();
        await Promise.all([echoed, once(session, "finish")]);
        assert.ok(Buffer.concat(got).equals(sent));
        if (mode === "message") assert.deepEqual(new Set(got.slice(0, -1).map(({ length }) => length)), new Set(ECHO_BYTES));
        session.destroy();
        await once(session, "close");
      });
    }
  }
});
