/** What every {@link Transport} does. Run it on an implementation with {@link transportContract}. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { getEventListeners } from "node:events";
import type { Endpoint } from "../../src/addr/endpoint.js";
import type { Connection, Listener, Transport } from "../../src/transport/transport.js";
import { RecordingHandler, turns } from "../support/recording-handler.js";
import { SeededRandom } from "../support/seeded-random.js";

export interface TransportUnderTest {
  readonly dialer: Transport;
  readonly listener: Transport;
  /** Where `listener` may listen, as `dialer` reaches it; port 0. Both ends on one machine. */
  readonly endpoint: Endpoint;
}

const MIB = 1024 * 1024;

export function transportContract(name: string, create: () => TransportUnderTest): void {
  suite(`${name} as a transport`, () => {
    let subject: TransportUnderTest;
    let listener: Listener;
    let accepted: Connection[];
    let onAccepted: () => void;
    const open: Connection[] = [];

    setup(async () => {
      subject = create();
      accepted = [];
      onAccepted = () => {};
      listener = await subject.listener.listen(subject.endpoint, (connection) => {
        accepted.push(connection);
        open.push(connection);
        onAccepted();
      });
    });

    teardown(async () => {
      await listener.close();
      for (const connection of open.splice(0)) connection.destroy();
    });

    const accept = (): Promise<Connection> =>
      new Promise((resolve) => {
        onAccepted = () => {
          const connection = accepted.shift();
          if (connection !== undefined) resolve(connection);
        };
        onAccepted();
      });

    const dial = async (endpoint: Endpoint = listener.endpoint, signal = new AbortController().signal): Promise<Connection> => {
      const connection = await subject.dialer.dial(endpoint, signal);
      open.push(connection);
      return connection;
    };

    const connect = async (): Promise<{ near: Connection; far: Connection }> => {
      const [near, far] = await Promise.all([dial(), accept()]);
      return { near, far };
    };

    const connectWithHandlers = async () => {
      const { near, far } = await connect();
      const nearHandler = new RecordingHandler();
      const farHandler = new RecordingHandler();
      near.setHandler(nearHandler);
      far.setHandler(farHandler);
      return { near, far, nearHandler, farHandler };
    };

    test("listening on port 0 reports the port that was given", () => {
      assert.equal(listener.endpoint.host, subject.endpoint.host);
      assert.ok(listener.endpoint.port > 0);
    });

    test("a dialed connection names the listener and knows that both are on this machine", async () => {
      const { near, far } = await connect();
      assert.equal(near.remote, `${listener.endpoint.host}:${listener.endpoint.port}`);
      assert.match(far.remote, /^[^:]+:\d+$/);
      assert.notEqual(far.remote, near.remote);
      assert.deepEqual([near.isLoopback, far.isLoopback], [true, true]);
    });

    test("bytes go both ways, and never within the call that wrote them", async () => {
      const { near, far, nearHandler, farHandler } = await connectWithHandlers();
      near.write(Buffer.from("ping"));
      far.write(Buffer.from("pong"));
      assert.deepEqual([nearHandler.byteCount, farHandler.byteCount], [0, 0]);
      await Promise.all([nearHandler.until((h) => h.text === "pong"), farHandler.until((h) => h.text === "ping")]);
    });

    test("10 MiB in writes of random length from one reused buffer come back from an echo unchanged", async () => {
      const { near, far } = await connect();
      echo(far);
      await sendAndCompare(near, 10 * MIB, 1);
    });

    test("both directions at once, each arrives whole", async () => {
      const { near, far } = await connect();
      const digests = [hashOfReceived(near, 4 * MIB), hashOfReceived(far, 4 * MIB)];
      const sent = await Promise.all([send(near, digests[0]!.handler, 4 * MIB, 2), send(far, digests[1]!.handler, 4 * MIB, 3)]);
      assert.deepEqual(await Promise.all(digests.map(({ digest }) => digest)), [sent[1], sent[0]]);
    });

    test("an empty write changes nothing", async () => {
      const { near, nearHandler, farHandler } = await connectWithHandlers();
      assert.equal(near.write(new Uint8Array(0)), true);
      assert.equal(near.bufferedBytes, 0);
      await turns();
      assert.equal(nearHandler.drains, 0);
      const hasLeft = near.write(Buffer.from("a"));
      await farHandler.until((h) => h.text === "a");
      if (!hasLeft) await nearHandler.until((h) => h.drains > 0);
      await turns();
      assert.equal(nearHandler.drains, hasLeft ? 0 : 1);
    });

    test("a peer that does not read: write returns false and bytes pile up; onDrain comes once, when it has read", async () => {
      const { near, far } = await connect();
      const nearHandler = new RecordingHandler();
      near.setHandler(nearHandler);
      const written = writeUntilFull(near);
      assert.ok(near.bufferedBytes > 0);
      await turns(50);
      assert.equal(nearHandler.drains, 0, "nobody reads, so nothing can drain");
      assert.equal(near.write(Buffer.alloc(1)), false);

      const farHandler = new RecordingHandler();
      far.setHandler(farHandler);
      await nearHandler.until((h) => h.drains > 0);
      assert.equal(near.bufferedBytes, 0);
      await farHandler.until((h) => h.byteCount === written + 1);
      await turns();
      assert.equal(nearHandler.drains, 1);
    });

    test("bytes and end that arrive before there is a handler wait for it", async () => {
      const { near, far } = await connect();
      near.setHandler(new RecordingHandler());
      near.write(Buffer.from("first "));
      await turns();
      near.write(Buffer.from("second"));
      near.end();
      await turns();
      const farHandler = new RecordingHandler();
      far.setHandler(farHandler);
      assert.equal(farHandler.byteCount, 0, "delivery within setHandler");
      assert.equal(await farHandler.closed(), undefined);
      assert.equal(farHandler.text, "first second");
    });

    test("a second handler continues exactly where the first one stopped", async () => {
      const { near, far } = await connect();
      const nearHandler = new RecordingHandler();
      near.setHandler(nearHandler);
      const second = new RecordingHandler();
      const first: RecordingHandler = new RecordingHandler({ onData: () => far.setHandler(second) });
      far.setHandler(first);
      const sent = await send(near, nearHandler, MIB, 4);
      near.end();
      assert.equal(await second.closed(), undefined);
      assert.equal(first.chunks.length, 1);
      assert.ok(second.byteCount > 0);
      assert.equal(createHash("sha1").update(first.bytes).update(second.bytes).digest("hex"), sent);
      assert.deepEqual(first.closings, []);
    });

    test("a handler that takes over a full connection gets the onDrain", async () => {
      const { near, far } = await connect();
      const first = new RecordingHandler();
      const second = new RecordingHandler();
      near.setHandler(first);
      writeUntilFull(near);
      near.setHandler(second);
      far.setHandler(new RecordingHandler());
      await second.until((h) => h.drains === 1);
      assert.equal(first.drains, 0);
    });

    test("end sends what is buffered, then both ends close without an error", async () => {
      const { near, far } = await connect();
      const nearHandler = new RecordingHandler();
      near.setHandler(nearHandler);
      const written = writeUntilFull(near);
      near.end();
      const farHandler = new RecordingHandler();
      far.setHandler(farHandler);
      assert.deepEqual(await Promise.all([nearHandler.closed(), farHandler.closed()]), [undefined, undefined]);
      assert.equal(farHandler.byteCount, written);
    });

    test("the peer ends: what this side had buffered still arrives before it closes", async () => {
      const { near, far } = await connect();
      const nearHandler = new RecordingHandler();
      const written = writeUntilFull(far);
      const farHandler = new RecordingHandler();
      far.setHandler(farHandler);
      near.end();
      near.setHandler(nearHandler);
      assert.deepEqual(await Promise.all([nearHandler.closed(), farHandler.closed()]), [undefined, undefined]);
      assert.equal(nearHandler.byteCount, written);
    });

    test("both ends end at once and close without an error", async () => {
      const { near, far, nearHandler, farHandler } = await connectWithHandlers();
      near.end();
      far.end();
      near.end();
      assert.deepEqual(await Promise.all([nearHandler.closed(), farHandler.closed()]), [undefined, undefined]);
    });

    test("what is written after end goes nowhere and costs nothing", async () => {
      const { near, nearHandler, farHandler } = await connectWithHandlers();
      near.write(Buffer.from("last"));
      near.end();
      assert.equal(near.write(Buffer.from("late")), true);
      assert.deepEqual(await Promise.all([nearHandler.closed(), farHandler.closed()]), [undefined, undefined]);
      assert.equal(near.write(Buffer.from("later")), true);
      assert.equal(farHandler.text, "last");
    });

    const moments: Record<string, (mine: Connection, other: Connection, destroy: () => void) => Promise<RecordingHandler>> = {
      "before it has a handler": async (mine, _other, destroy) => {
        destroy();
        await turns();
        return handled(mine);
      },
      "while idle": async (mine, _other, destroy) => {
        const handler = handled(mine);
        await turns();
        destroy();
        return handler;
      },
      "right after a write": async (mine, _other, destroy) => {
        const handler = handled(mine);
        mine.write(Buffer.from("last words"));
        destroy();
        return handler;
      },
      "with bytes that have not left": async (mine, _other, destroy) => {
        const handler = handled(mine);
        writeUntilFull(mine);
        destroy();
        return handler;
      },
      "with bytes that have not left and an end behind them": async (mine, _other, destroy) => {
        const handler = handled(mine);
        writeUntilFull(mine);
        mine.end();
        await turns();
        destroy();
        return handler;
      },
      "right after end": async (mine, _other, destroy) => {
        const handler = handled(mine);
        mine.end();
        destroy();
        return handler;
      },
      "some time after end": async (mine, other, destroy) => {
        const handler = handled(mine);
        writeUntilFull(other); // the other end cannot end before this is read
        mine.end();
        await turns();
        if (handler.closings.length === 0) destroy();
        return handler;
      },
      "within onData": async (mine, other, destroy) => {
        const handler: RecordingHandler = new RecordingHandler({ onData: () => destroy() });
        mine.setHandler(handler);
        other.write(Buffer.alloc(300_000));
        await handler.closed();
        assert.equal(handler.chunks.length, 1, "data after destroy");
        return handler;
      },
      "within onDrain": async (mine, other, destroy) => {
        const handler = new RecordingHandler({ onDrain: () => destroy() });
        mine.setHandler(handler);
        writeUntilFull(mine);
        other.setHandler(new RecordingHandler());
        await handler.closed();
        return handler;
      },
      "with bytes that nobody has read": async (mine, other, destroy) => {
        other.write(Buffer.from("unread"));
        await turns();
        destroy();
        return handled(mine);
      },
    };
    for (const side of ["dialer", "listener"] as const) {
      for (const [moment, play] of Object.entries(moments)) {
        test(`the ${side} destroys ${moment}: each end hears one onClose, later, and nothing else`, async () => {
          const { near, far } = await connect();
          const [mine, other] = side === "dialer" ? [near, far] : [far, near];
          const reason = new Error("enough");
          let isWithinDestroy = false;
          let wasDestroyed = false;
          const destroy = (): void => {
            isWithinDestroy = true;
            wasDestroyed = true;
            mine.destroy(reason);
            mine.destroy(new Error("twice"));
            isWithinDestroy = false;
          };
          const handler = await play(mine, other, destroy);
          const { onClose } = handler;
          handler.onClose = (error) => {
            assert.equal(isWithinDestroy, false, "onClose within destroy");
            onClose.call(handler, error);
          };
          const otherHandler = handled(other);
          assert.equal(await handler.closed(), wasDestroyed ? reason : undefined);
          await otherHandler.closed();
          const seen = handler.byteCount;
          assert.equal(mine.write(Buffer.from("x")), true);
          mine.end();
          mine.destroy();
          await turns();
          assert.equal(handler.closings.length, 1);
          assert.equal(otherHandler.closings.length, 1);
          assert.equal(handler.byteCount, seen);
          assert.equal(mine.bufferedBytes, 0);
        });
      }
    }

    test("destroy without an error closes without one", async () => {
      const { near, nearHandler, farHandler } = await connectWithHandlers();
      near.destroy();
      assert.deepEqual(nearHandler.closings, []);
      assert.equal(await nearHandler.closed(), undefined);
      await farHandler.closed();
    });

    test("nobody listens: the dial fails with ECONNREFUSED, names the endpoint, and lets go of the signal", async () => {
      const { endpoint } = listener;
      await listener.close();
      const { signal } = new AbortController();
      await assert.rejects(subject.dialer.dial(endpoint, signal), (error: Error & { code?: string }) => {
        assert.equal(error.code, "ECONNREFUSED");
        assert.match(error.message, new RegExp(`^dial ${endpoint.host}:${endpoint.port}: `));
        return true;
      });
      assert.equal(getEventListeners(signal, "abort").length, 0);
    });

    test("a signal that is aborted already: the dial fails with its reason and nobody is dialed", async () => {
      const reason = new Error("no longer wanted");
      await assert.rejects(subject.dialer.dial(listener.endpoint, AbortSignal.abort(reason)), reason);
      await turns();
      assert.equal(accepted.length, 0);
    });

    test("abort during the dial: it fails with the reason at once, lets go of the signal, and leaves no connection", async () => {
      const controller = new AbortController();
      const reason = new Error("no longer wanted");
      const dialing = subject.dialer.dial(listener.endpoint, controller.signal);
      assert.equal(getEventListeners(controller.signal, "abort").length, 1);
      controller.abort(reason);
      await assert.rejects(dialing, reason);
      assert.equal(getEventListeners(controller.signal, "abort").length, 0);
      const { near, far } = await connect();
      const handler = handled(far);
      near.write(Buffer.from("the first to be accepted"));
      await handler.until((h) => h.byteCount > 0);
    });

    test("an abort after the dial has succeeded does not touch the connection", async () => {
      const controller = new AbortController();
      const [near, far] = await Promise.all([dial(listener.endpoint, controller.signal), accept()]);
      assert.equal(getEventListeners(controller.signal, "abort").length, 0);
      controller.abort();
      const handler = handled(far);
      near.write(Buffer.from("still here"));
      await handler.until((h) => h.text === "still here");
    });

    test("a closed listener accepts no more, frees its port, and leaves open connections alone", async () => {
      const { near, far } = await connect();
      await listener.close();
      await listener.close();
      await assert.rejects(dial(), { code: "ECONNREFUSED" });
      echo(far);
      await sendAndCompare(near, 100_000, 5);
      const former = listener;
      let acceptedByNext = 0;
      listener = await subject.listener.listen(former.endpoint, (connection) => {
        open.push(connection);
        acceptedByNext++;
      });
      await former.close();
      await dial();
      await turns();
      assert.equal(acceptedByNext, 1);
    });

    test("a port that is taken: listen fails with EADDRINUSE and the first listener stays", async () => {
      await assert.rejects(
        subject.listener.listen(listener.endpoint, () => {}),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, "EADDRINUSE");
          assert.match(error.message, new RegExp(`^listen ${subject.endpoint.host}:${listener.endpoint.port}`));
          return true;
        },
      );
      await connect();
    });

    test("200 connections at once, each with its own bytes, all end in order", async () => {
      onAccepted = () => {
        for (const connection of accepted.splice(0)) echo(connection);
      };
      const outcomes = await Promise.all(
        Array.from({ length: 200 }, async (_, index) => {
          const connection = await dial();
          const handler = handled(connection);
          const text = `connection ${index} `.repeat(50);
          connection.write(Buffer.from(text));
          await handler.until((h) => h.byteCount >= text.length);
          connection.end();
          const error = await handler.closed();
          return handler.text === text && error === undefined && handler.closings.length === 1;
        }),
      );
      assert.deepEqual(new Set(outcomes), new Set([true]));
    });
  });
}

function handled(connection: Connection): RecordingHandler {
  const handler = new RecordingHandler();
  connection.setHandler(handler);
  return handler;
}

/** Sends back what comes, each chunk once; ends when the peer does. */
function echo(connection: Connection): void {
  connection.setHandler({ onData: (chunk) => connection.write(chunk), onDrain() {}, onClose() {} });
}

/** Writes until the transport takes no more; returns how many bytes that were. */
function writeUntilFull(connection: Connection): number {
  let written = 0;
  for (let taken = true; taken; written += 64 * 1024) {
    assert.ok(written < 256 * MIB, "write never returned false");
    taken = connection.write(Buffer.alloc(64 * 1024, written / 64 / 1024));
  }
  return written;
}

/**
 * Sends `total` random bytes in random pieces, all from one buffer, which is filled anew the moment the transport allows
 * it: a transport that still needed the old bytes sends wrong ones. Resolves with their hash.
 */
async function send(connection: Connection, handler: RecordingHandler, total: number, seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  const source = random.bytes(MIB);
  const buffer = Buffer.alloc(256 * 1024);
  const hash = createHash("sha1");
  for (let left = total; left > 0; ) {
    const length = Math.min(left, 1 + random.below(random.below(4) === 0 ? buffer.length : 5_000));
    const from = random.below(source.length - length);
    buffer.set(source.subarray(from, from + length));
    const bytes = buffer.subarray(0, length);
    hash.update(bytes);
    const drains = handler.drains;
    if (!connection.write(bytes)) await handler.until((h) => h.drains > drains);
    left -= length;
  }
  return hash.digest("hex");
}

function hashOfReceived(connection: Connection, total: number): { handler: RecordingHandler; digest: Promise<string> } {
  const handler = handled(connection);
  const digest = handler.until((h) => h.byteCount >= total).then(() => createHash("sha1").update(handler.bytes).digest("hex"));
  return { handler, digest };
}

async function sendAndCompare(connection: Connection, total: number, seed: number): Promise<void> {
  const { handler, digest } = hashOfReceived(connection, total);
  assert.equal(await send(connection, handler, total, seed), await digest);
  assert.equal(handler.byteCount, total);
}
