import assert from "node:assert/strict";
import { LastWords } from "../../src/link/last-words.js";
import { MemoryNetwork } from "../../src/transport/memory.js";
import type { Connection } from "../../src/transport/transport.js";
import { FakeClock } from "../support/fake-clock.js";
import { RecordingHandler } from "../support/recording-handler.js";
import { SeededRandom } from "../support/seeded-random.js";

async function connected(): Promise<{
  clock: FakeClock;
  network: MemoryNetwork;
  own: Connection;
  peer: RecordingHandler;
  lastWords: LastWords;
}> {
  const clock = new FakeClock();
  const network = new MemoryNetwork({ clock, random: new SeededRandom(1) });
  const peer = new RecordingHandler();
  const listener = await network.transport("b").listen({ host: "b", port: 1 }, (connection) => connection.setHandler(peer));
  const dialed = network.transport("a").dial({ host: "b", port: 1 }, new AbortController().signal);
  await clock.advance(5);
  await listener.close();
  return { clock, network, own: await dialed, peer, lastWords: new LastWords(clock) };
}

suite("last words", () => {
  test("a peer that reads, gets them and then an end in order", async () => {
    const { clock, network, own, peer, lastWords } = await connected();
    own.write(Buffer.from("bye"));
    lastWords.part(own);
    await clock.advance(10);
    assert.equal(peer.text, "bye");
    assert.deepEqual(peer.closings, [undefined]);
    assert.equal(network.connectionCount, 0);
    assert.equal(clock.pendingTimers, 0);
  });

  test("a peer that does not read, is let go of after a second, or at once when nobody waits any longer", async () => {
    for (const destroyed of [false, true]) {
      const { clock, network, own, lastWords } = await connected();
      network.pauseReading("b", "a");
      own.write(Buffer.from("bye"));
      lastWords.part(own);
      await clock.advance(10);
      assert.equal(clock.pendingTimers, 1);
      if (destroyed) lastWords.destroy();
      await clock.advance(destroyed ? 5 : 1_005);
      network.resumeReading("b", "a");
      await clock.advance(5);
      assert.equal(network.connectionCount, 0);
      assert.equal(clock.pendingTimers, 0);
    }
  });

  test("a connection that comes when all is over, is destroyed", async () => {
    const { clock, network, own, lastWords } = await connected();
    lastWords.destroy();
    lastWords.part(own);
    await clock.advance(5);
    assert.equal(network.connectionCount, 0);
  });
});
