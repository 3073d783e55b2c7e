/** A UDP relay that loses datagrams, in both directions, as a seed says. Each client has a socket of its own towards the server. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { SeededRandom } from "../../../src/testing/seeded-random.js";

const RECEIVE_BUFFER_BYTES = 4 * 1024 ** 2;

export class LossyRelay implements AsyncDisposable {
  readonly #front: Socket;
  readonly #upstreams = new Map<number, Socket>();
  readonly #serverPort: number;
  readonly #loss: number;
  readonly #random: SeededRandom;

  private constructor(front: Socket, serverPort: number, loss: number, seed: number) {
    this.#front = front;
    this.#serverPort = serverPort;
    this.#loss = loss;
    this.#random = new SeededRandom(seed);
    front.on("message", (datagram, { port }) => {
      if (!this.#random.chance(this.#loss)) this.#upstreamOf(port).send(datagram, this.#serverPort, "127.0.0.1");
    });
  }

  /** Between whoever sends to `port` and the server on `serverPort`; `loss`: from 0 to 1. */
  static async open(serverPort: number, loss: number, seed: number): Promise<LossyRelay> {
    const front = createSocket({ type: "udp4" }).bind(0, "127.0.0.1");
    await once(front, "listening");
    front.setRecvBufferSize(RECEIVE_BUFFER_BYTES);
    return new LossyRelay(front, serverPort, loss, seed);
  }

  get port(): number {
    return this.#front.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of [this.#front, ...this.#upstreams.values()]) socket.close();
  }

  #upstreamOf(clientPort: number): Socket {
    const known = this.#upstreams.get(clientPort);
    if (known !== undefined) return known;
    const upstream = createSocket({ type: "udp4" });
    upstream.on("message", (datagram) => {
      if (!this.#random.chance(this.#loss)) this.#front.send(datagram, clientPort, "127.0.0.1");
    });
    upstream.bind(0, "127.0.0.1", () => upstream.setRecvBufferSize(RECEIVE_BUFFER_BYTES));
    this.#upstreams.set(clientPort, upstream);
    return upstream;
  }
}
