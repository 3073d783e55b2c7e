/** Players without a game: one for each transport, which say a hundred things and hear them again. */
import type { Duplex } from "node:stream";
import { dialKcp, dialTcp, dialWebSocket } from "clusterts/gateway/client";

const MESSAGES = 100;
const message = Buffer.from("a message of thirty-two bytes...");

/** Milliseconds that each message took there and back. */
async function echo(stream: Duplex): Promise<number[]> {
  const times: number[] = [];
  let heard = 0;
  let sentAt = performance.now();
  stream.write(message);
  for await (const chunk of stream) {
    heard += (chunk as Buffer).length; // a stream of bytes: what was sent as one may come in pieces
    if (heard < message.length) continue;
    heard = 0;
    times.push(performance.now() - sentAt);
    if (times.length === MESSAGES) stream.end();
    else {
      sentAt = performance.now();
      stream.write(message);
    }
  }
  return times;
}

export async function echoOnAll(host: string, ports: { tcp: number; web: number; kcp: number }): Promise<void> {
  const dials: Readonly<Record<string, () => Promise<Duplex>>> = {
    TCP: () => dialTcp(`${host}:${ports.tcp}`),
    WebSocket: () => dialWebSocket(`ws://${host}:${ports.web}/game`),
    KCP: () => dialKcp(`${host}:${ports.kcp}`),
  };
  for (const [name, dial] of Object.entries(dials)) {
    const times = (await echo(await dial())).sort((a, b) => a - b);
    if (times.length !== MESSAGES) throw new Error(`${name}: only ${times.length} of ${MESSAGES} came back`);
    console.log(`${name}: ${times.length} messages there and back, median ${times[MESSAGES / 2]?.toFixed(2)} ms`);
  }
}
