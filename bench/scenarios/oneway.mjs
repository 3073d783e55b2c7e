/** One-way messages in bursts; each burst is confirmed by the server's count before the next, so none may be lost. */
import { nextTurn, SMALL } from "./client.mjs";
import { CpuMeter } from "./cpu-meter.mjs";

const BURST = 20_000;
const PER_TURN = 512; // messages sent in one turn of the event loop
const CONFIRM_TIMEOUT_MS = 4_000;

export async function oneway(client, { warmup, seconds, pids }) {
  let sent = 0;
  const burst = async () => {
    for (let i = 1; i <= BURST; i++) {
      const room = client.oneway(SMALL);
      if (room) await room;
      if (i % PER_TURN === 0) await nextTurn();
    }
    sent += BURST;
    const giveUpAt = performance.now() + CONFIRM_TIMEOUT_MS;
    for (let received = await client.onewayCount(); received < sent; received = await client.onewayCount()) {
      if (performance.now() > giveUpAt) throw new Error(`lost messages: sent ${sent}, received ${received}`);
      await nextTurn();
    }
  };
  const burstsFor = async (duration) => {
    const start = performance.now();
    do await burst();
    while (performance.now() < start + duration * 1000);
    return performance.now() - start;
  };

  await burstsFor(warmup);
  const before = sent;
  const meter = new CpuMeter(pids);
  const ms = await burstsFor(seconds);
  const count = sent - before;
  return { value: (count / ms) * 1000, ...meter.per100k(count) };
}
