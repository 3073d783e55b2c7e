import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { StreamError } from "../../../src/stream/stream-error.js";
import type { SessionRole } from "../../../src/stream/stream-ids.js";
import type { YamuxStream } from "../../../src/stream/yamux-stream.js";
import { SeededRandom } from "../../support/seeded-random.js";
import { until } from "../../support/until.js";
import { GoPeer, GoProgram } from "./go-peer.js";

const MIB = 1024 ** 2;

/** Serves what the Go program asks for, by the first four bytes. */
function serve(stream: YamuxStream): void {
  stream.on("error", () => undefined);
  stream.once("readable", () => {
    const wanted = String(stream.read(4));
    if (wanted === "echo") stream.pipe(stream);
    else if (wanted === "rset") stream.reset(70_000);
    else if (wanted === "hash") void hashOf(stream).then((hash) => stream.end(hash));
  });
}

async function hashOf(stream: YamuxStream): Promise<string> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return `${bytes} ${hash.digest("hex")}`;
}

async function textOf(stream: YamuxStream): Promise<string> {
  return Buffer.concat(await stream.toArray()).toString();
}

/** Writes, minding the stream's back pressure, and ends. */
async function send(stream: YamuxStream, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; at += 48_000) {
    if (!stream.write(bytes.subarray(at, at + 48_000))) await once(stream, "drain");
  }
  stream.end();
}

for (const role of ["dialer", "acceptor"] satisfies SessionRole[]) {
  suite(`yamux with hashicorp's, as the ${role}`, function () {
    this.timeout(60_000);
    let program: GoProgram;

    suiteSetup(function () {
      program = new GoProgram();
      if (program.missing === undefined) return;
      process.stdout.write(`    skipped: ${program.missing}\n`);
      this.skip();
    });
    suiteTeardown(() => program.remove());

    const start = (handler = {}, options = {}): Promise<GoPeer> =>
      GoPeer.start(program.path, role, { onStream: serve, ...handler }, { keepaliveMs: false, ...options });

    test("5 streams of 20 MiB at once, come back with equal hashes, whoever opens them", async () => {
      await using go = await start();
      const echoes = Array.from({ length: 5 }, async (_, index) => {
        const bytes = Buffer.from(new SeededRandom(index).bytes(20 * MIB));
        const stream = go.session.open();
        stream.write("echo");
        const [got] = await Promise.all([hashOf(stream), send(stream, bytes)]);
        assert.equal(got, `${20 * MIB} ${createHash("sha256").update(bytes).digest("hex")}`);
      });
      await Promise.all(echoes);
      assert.equal(await go.do(`bulk 5 ${20 * MIB}`), "equal equal equal equal equal");
    });

    test("a window larger than the standard one, is announced and used", async () => {
      await using go = await start({}, { windowBytes: 4 * MIB });
      assert.equal(await go.do(`bulk 2 ${20 * MIB}`), "equal equal");
    });

    test("a stream that one side has ended, still brings the other side's answer", async () => {
      let closedByGo: YamuxStream | undefined;
      const onStream = (stream: YamuxStream): void => {
        closedByGo = stream;
        serve(stream);
      };
      await using go = await start({ onStream });
      const bytes = Buffer.from(new SeededRandom(7).bytes(300_000));
      const stream = go.session.open();
      stream.write("hash");
      stream.end(bytes);
      assert.equal(await textOf(stream), `300000 ${createHash("sha256").update(bytes).digest("hex")} <nil>`);
      assert.equal(await go.do("hash"), "closed");
      await until(() => closedByGo?.closed === true);
      assert.equal(closedByGo!.errored, null);
    });

    test("10,000 streams opened and closed by either side, leave nothing behind on any", async () => {
      await using go = await start();
      const before = await go.do("left");
      const one = async (): Promise<void> => {
        const stream = go.session.open();
        stream.end("echohello");
        assert.equal(await textOf(stream), "hello");
      };
      for (let round = 0; round < 200; round++) await Promise.all(Array.from({ length: 50 }, one));
      assert.equal(await go.do("churn 10000 32"), "done");
      assert.equal(await go.do("left"), before);
      await until(() => go.session.status().streams === 0);
      const { opened, openedByPeer, unreadBytes, offered, unacknowledged, resetsIn, resetsOut } = go.session.status();
      assert.deepEqual([opened, openedByPeer, unreadBytes, offered, unacknowledged, resetsIn, resetsOut], [10_000, 10_000, 0, 0, 0, 0, 0]);
    });

    test("streams beyond the peer's backlog, fail as refused; those within it go on when it accepts again", async () => {
      await using go = await start();
      assert.equal(await go.do("stall"), "stalled");
      const streams = Array.from({ length: 100 }, () => go.session.open());
      const outcomes = streams.map(async (stream) => {
        try {
          stream.end("echohello");
          return await textOf(stream);
        } catch (error) {
          return StreamError.is(error) ? error.reason : String(error);
        }
      });
      await until(() => streams.filter((stream) => stream.destroyed).length >= 30);
      assert.equal(await go.do("resume"), "resumed");
      const counts = new Map<string, number>();
      for (const outcome of await Promise.all(outcomes)) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      assert.deepEqual([...counts.keys()].sort(), ["hello", "refused"]);
      assert.ok(counts.get("hello")! >= 64);
    });

    test("a reset with a code of ours, is a reset to the other side, and costs no other stream", async () => {
      await using go = await start();
      assert.equal(await go.do("read rset"), "0 bytes, connection reset");
      const stream = go.session.open().on("error", () => undefined);
      stream.write("read");
      await once(stream, "acknowledged");
      stream.destroy(new Error("no more"));
      assert.equal(await go.line(), "a stream ended with: connection reset");
      assert.equal(await go.do("bulk 1 1000"), "equal");
    });

    test("a go-away by the other side, ends opening and lets open streams go on", async () => {
      const told: string[] = [];
      await using go = await start({ onUnavailable: (why: string) => told.push(why) });
      const stream = go.session.open().on("error", () => undefined); // the session ends before the stream has
      stream.write("echo");
      stream.write("before");
      assert.equal(String((await once(stream, "data"))[0]), "before");
      assert.equal(await go.do("goaway"), "gone");
      await until(() => told.length > 0);
      assert.throws(
        () => go.session.open(),
        (error) => StreamError.is(error) && error.reason === "unavailable",
      );
      stream.end("after");
      assert.equal(String((await once(stream, "data"))[0]), "after");
      assert.deepEqual(told, ["peer-left"]);
    });

    test("a go-away by this side, ends the other's opening, and close ends the session in order", async () => {
      await using go = await start();
      go.session.goAway();
      await go.session.ping();
      assert.equal(await go.do("read rset"), "remote end is not accepting connections");
      assert.deepEqual(await go.session.close(), { cutStreams: 0 });
      assert.deepEqual(go.closed, { error: undefined });
    });

    test("pings, are answered both ways", async () => {
      await using go = await start();
      assert.ok((await go.session.ping()) >= 0);
      assert.equal(await go.do("ping"), "<nil>");
    });

    test("the other side is killed, its streams fail as lost and none ends", async () => {
      await using go = await start();
      const stream = go.session.open();
      stream.write("echohello");
      await once(stream, "data");
      const failed = once(stream, "error");
      await go.kill();
      const [error] = await failed;
      assert.ok(StreamError.is(error) && error.reason === "lost");
      assert.equal(stream.readableEnded, false);
    });
  });
}
