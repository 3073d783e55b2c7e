/** Somebody at a node's port who sends what bytes he likes, over a socket of his own. */
import { connect, type Socket } from "node:net";
import type { LogicalAddress } from "../../src/addr/logical-address.js";
import { RecordReader } from "../../src/link/record-reader.js";
import { decodeRefusal, RECORD, REFUSAL } from "../../src/wire/hello.js";
import { PREFACE } from "../../src/wire/limits.js";
import { feedDialer, makeDialer, OLD, PREFACE_BYTES } from "../link/support/openings.js";

/** What the acceptor sends behind its hello. */
const PROOF_AND_ACCEPTED_BYTES = 3 + 32 + 3;

export class Stranger implements Disposable {
  readonly socket: Socket;
  /** Resolves when the node has closed the connection, or it was reset. */
  readonly closed: Promise<void>;
  #chunks: Buffer[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {}); // a reset is one way in which a connection ends; "close" follows
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      for (const look of [...this.#waiting]) look();
    });
  }

  static at(port: number): Promise<Stranger> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port }, () => resolve(new Stranger(socket)));
      socket.once("error", reject);
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** What he was told when he was refused: the name of the reason. */
  get refusal(): string | undefined {
    const reader = new RecordReader();
    reader.trust();
    reader.push(this.received);
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.type !== RECORD.refused) continue;
      const { reason } = decodeRefusal(record.body);
      return Object.entries(REFUSAL).find(([, value]) => value === reason)?.[0];
    }
    return undefined;
  }

  /** The bytes of the acceptor's hello record, once they have come. */
  async answer(): Promise<Buffer> {
    const size = (received: Buffer): number => 3 + received.readUInt16BE(PREFACE.length + 1);
    const received = await this.until((bytes) => bytes.length >= PREFACE.length + 3 && bytes.length >= PREFACE.length + size(bytes));
    return received.subarray(PREFACE.length, PREFACE.length + size(received));
  }

  /** Opens to 1.3.7 as a peer that knows its secret, and gives what was sent for that. */
  async openAs(address: LogicalAddress): Promise<Buffer> {
    const dialer = makeDialer({ dialerSecrets: [OLD], dialer: { address } });
    const hello = dialer.start();
    this.send(hello);
    const answer = await this.answer();
    const proof = feedDialer(dialer, PREFACE_BYTES, answer).sent;
    this.send(proof);
    await this.until((received) => received.length >= PREFACE.length + answer.length + PROOF_AND_ACCEPTED_BYTES);
    return Buffer.concat([hello, proof]);
  }

  send(...bytes: readonly Uint8Array[]): void {
    for (const each of bytes) this.socket.write(each);
  }

  /** Resolves with what came, once `condition` holds for it. The test's timeout bounds it. */
  until(condition: (received: Buffer) => boolean): Promise<Buffer> {
    return new Promise((resolve) => {
      const look = (): void => {
        const { received } = this;
        if (!condition(received)) return;
        this.#waiting.delete(look);
        resolve(received);
      };
      this.#waiting.add(look);
      look();
    });
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
