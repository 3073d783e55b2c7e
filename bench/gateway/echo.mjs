/** Clients that say something and wait for it to come back. */
import { sleep } from "../scenarios/client.mjs";

export const MESSAGE = Buffer.alloc(32, 1);
/** So many dial at once: a burst is another matter, and KCP has a limit for peers that have not proved their address. */
const AT_ONCE = 100;

/** Milliseconds of one message there and back. */
export function echo(stream) {
  return new Promise((resolve) => {
    const sentAt = performance.now();
    let heard = 0;
    const onData = (chunk) => {
      heard += chunk.length;
      if (heard < MESSAGE.length) return;
      stream.off("data", onData);
      resolve(performance.now() - sentAt);
    };
    stream.on("data", onData);
    stream.write(MESSAGE);
  });
}

/** One message after the other. */
export async function echoUntil(stream, until, times) {
  do times.push(await echo(stream));
  while (performance.now() < until);
}

/** Clients, some at a time; `prepare` each of them. */
export async function dialMany(count, dial, prepare = async () => {}) {
  const streams = [];
  while (streams.length < count) {
    const some = await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - streams.length) }, dial));
    for (const stream of some) stream.on("error", () => {});
    await Promise.all(some.map(prepare));
    streams.push(...some);
  }
  return streams;
}

/**
 * Each says something once a second, at a time of its own that does not move: who was late once would else be late
 * together with all others that were, in every second from then on. Gives the milliseconds of all echoes.
 */
export async function echoEverySecond(streams, seconds) {
  const times = [];
  const startedAt = performance.now();
  await Promise.all(
    streams.map(async (stream, index) => {
      for (let second = 0; second < seconds; second++) {
        const at = startedAt + 1_000 * (second + index / streams.length);
        await sleep(Math.max(0, at - performance.now()));
        times.push(await echo(stream));
      }
    }),
  );
  return times;
}
