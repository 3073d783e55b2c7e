/** Streaming calls between nodes: all kinds, their ends from either side, and that nothing of them is left. */
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { RpcError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { mailbox } from "../../src/rpc/mailbox.js";
import { byType } from "../../src/rpc/picker.js";
import { type Context, defineMethod } from "../../src/rpc/service.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { echo, type Note, noteCodec, sizedNote, textNote } from "../support/note.js";

const watch = defineMethod("test.Notes/watch", "server", noteCodec, noteCodec);
const gather = defineMethod("test.Notes/gather", "client", noteCodec, noteCodec);
const talk = defineMethod("test.Notes/talk", "bidi", noteCodec, noteCodec);

async function textsOf(replies: AsyncIterable<Note>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of replies) texts.push(text);
  return texts;
}

function* notes(...texts: string[]): Generator<Note> {
  for (const text of texts) yield textNote(text);
}

for (const isOver of [false, true]) {
  suite(isOver ? "streaming calls over two harbors" : "streaming calls", function () {
    this.timeout(60_000);
    let cluster: Cluster;
    let caller: ClusterNode;
    let server: ClusterNode;
    let harbors: ClusterNode[];
    const CALLER = isOver ? "2.2.1" : "1.2.1";

    async function start(prepare: (node: ClusterNode) => void, options: Parameters<Cluster["start"]>[1] = {}): Promise<void> {
      cluster = new Cluster({ conditions: { latencyMs: isOver ? 1 : 5 } });
      harbors = [];
      if (isOver) for (const address of ["1.255.1", "2.255.1"]) harbors.push(await cluster.start(address, { harbors: cluster.discovery }));
      server = await cluster.start("1.1.1", { export: true, ...options }, prepare);
      caller = await cluster.start(CALLER, options);
    }

    /** Neither side has streams, calls or handlers, and nothing keeps a timer when both are closed. */
    async function assertNothingLeft(): Promise<void> {
      await cluster.clock.advance(100);
      for (const harbor of harbors) assert.equal(harbor.status().harbor!.streams.open, 0);
      for (const node of [server, caller, ...harbors]) {
        const { streams, callsInFlight, requestsInProgress, handlersRunning } = node.status();
        assert.deepEqual({ streams, callsInFlight, requestsInProgress, handlersRunning }, NOTHING);
      }
      await cluster.close();
    }
    const NOTHING = { streams: 0, callsInFlight: 0, requestsInProgress: 0, handlersRunning: 0 };

    test("of each kind, give what the handlers say, in order, to another node and to the own one", async () => {
      const handlers = (node: ClusterNode): void => {
        node.handle(watch, async function* ({ text }: Note, context: Context) {
          for (let i = 0; i < 3; i++) yield textNote(`${text} ${i} from ${Buffer.from(context.metadata.get("who")!).toString()}`);
        });
        node.handle(gather, async (requests: AsyncIterable<Note>) => textNote((await textsOf(requests)).join("+")));
        node.handle(talk, async function* (requests: AsyncIterable<Note>) {
          for await (const { text } of requests) yield textNote(`<${text}>`);
        });
      };
      await start(handlers);
      for (const node of [caller, server]) {
        const metadata = { who: "me" };
        assert.deepEqual(
          await cluster.run(textsOf(node.invoke("1.1.1", watch, textNote("a"), { metadata }))),
          [0, 1, 2].map((i) => `a ${i} from me`),
        );
        assert.equal((await cluster.run(node.invoke("1.1.1", gather, notes("x", "y", "z")))).text, "x+y+z");
        assert.deepEqual(await cluster.run(textsOf(node.invoke("1.1.1", talk, notes("p", "q")))), ["<p>", "<q>"]);
      }
      await assertNothingLeft();
    });

    test("a conversation: each request is answered before the next one is made", async () => {
      await start((node) =>
        node.handle(talk, async function* (requests: AsyncIterable<Note>) {
          for await (const { text } of requests) yield textNote(`${Number(text) + 1}`);
        }),
      );
      let say: (note: Note | undefined) => void = () => {};
      async function* requests(): AsyncGenerator<Note> {
        let next: Note | undefined = textNote("1");
        while (next !== undefined) {
          yield next;
          next = await new Promise<Note | undefined>((resolve) => {
            say = resolve;
          });
        }
      }
      const heard: string[] = [];
      const conversation = async (): Promise<void> => {
        for await (const note of caller.invoke("1.1.1", talk, requests())) {
          heard.push(note.text);
          say(heard.length < 5 ? note : undefined);
        }
      };
      await cluster.run(conversation());
      assert.deepEqual(heard, ["2", "3", "4", "5", "6"]);
      await assertNothingLeft();
    });

    test("begin only when they are iterated, once", async () => {
      let calls = 0;
      await start((node) =>
        node.handle(watch, function* () {
          calls++;
          yield textNote("x");
        }),
      );
      const replies = caller.invoke("1.1.1", watch, textNote(""));
      await cluster.clock.advance(1_000);
      assert.equal(calls, 0);
      assert.deepEqual(await cluster.run(textsOf(replies)), ["x"]);
      assert.deepEqual(await cluster.run(textsOf(replies)), []);
      assert.equal(calls, 1);
      await assertNothingLeft();
    });

    test("left by break, the handler's iterator returns within a round trip, and its signal is aborted", async () => {
      const ended: string[] = [];
      await start((node) =>
        node.handle(watch, async function* (_: Note, { signal }: Context) {
          signal.addEventListener("abort", () => ended.push(`aborted: ${signal.reason.code}`));
          try {
            for (let i = 0; ; i++) yield textNote(`${i}`);
          } finally {
            ended.push("returned");
          }
        }),
      );
      const until = async (): Promise<void> => {
        for await (const { text } of caller.invoke("1.1.1", watch, textNote(""), { timeoutMs: 60_000 })) if (text === "9") break;
      };
      await cluster.run(until());
      await cluster.clock.advance(15);
      assert.deepEqual(ended.sort(), ["aborted: CANCELLED", "returned"]);
      await assertNothingLeft();
    });

    test("a consumer that is slow, stops the producer; neither side gathers what is not read", async () => {
      let produced = 0;
      await start((node) =>
        node.handle(watch, async function* () {
          for (; produced < 1_000; produced++) yield sizedNote(10_000);
        }),
      );
      const replies = caller.invoke("1.1.1", watch, textNote(""), { timeoutMs: 60_000 });
      await cluster.run(replies.next());
      await cluster.clock.advance(5_000);
      assert.ok(produced < 100, `${produced} were produced`);
      let read = 1;
      const rest = async (): Promise<void> => {
        for await (const _ of replies) read++;
      };
      await cluster.run(rest());
      assert.equal(read, 1_000);
      await assertNothingLeft();
    });

    test("a handler that is slow, stops the requests; one that reads no more of them, still answers", async () => {
      let made = 0;
      let go: () => void = () => {};
      await start((node) =>
        node.handle(gather, async (requests: AsyncIterable<Note>) => {
          for await (const _ of requests) break;
          await new Promise<void>((resolve) => {
            go = resolve;
          });
          return textNote("enough");
        }),
      );
      let returned = false;
      async function* requests(): AsyncGenerator<Note> {
        try {
          for (; ; made++) yield sizedNote(10_000);
        } finally {
          returned = true;
        }
      }
      const reply = caller.invoke("1.1.1", gather, requests(), { timeoutMs: 60_000 });
      await cluster.clock.advance(5_000);
      assert.ok(made > 5 && made < 100, `${made} were made`);
      go();
      assert.equal((await cluster.run(reply)).text, "enough");
      await cluster.clock.advance(10);
      assert.equal(returned, true);
      await assertNothingLeft();
    });

    test("a handler that throws, ends the replies with its code, number and details, behind what it had yielded", async () => {
      await start((node) => {
        node.handle(watch, async function* ({ text }: Note) {
          yield textNote("first");
          if (text === "plain") throw new Error("oh no");
          throw new RpcError("FAILED_PRECONDITION", "empty room", { appCode: 10_023, details: Uint8Array.of(1, 2) });
        });
        node.handle(gather, async () => {
          throw new RpcError("NOT_FOUND", "no such room");
        });
      });
      const heard: string[] = [];
      const listen = async (text: string): Promise<void> => {
        for await (const note of caller.invoke("1.1.1", watch, textNote(text))) heard.push(note.text);
      };
      const error = await cluster.fails(listen(""));
      assert.deepEqual([error.code, error.appCode, error.execution, error.peer], ["FAILED_PRECONDITION", 10_023, "ran", "1.1.1"]);
      assert.deepEqual(error.details, Uint8Array.of(1, 2));
      assert.equal(error.message, `FAILED_PRECONDITION calling test.Notes/watch on 1.1.1 from ${CALLER} (ran): empty room`);
      assert.equal((await cluster.fails(listen("plain"))).code, "INTERNAL");
      assert.deepEqual(heard, ["first", "first"]);
      assert.equal((await cluster.fails(caller.invoke("1.1.1", gather, notes("a")))).code, "NOT_FOUND");
      await assertNothingLeft();
    });

    test("past their deadline, aborted, or of requests that throw: fail on this side, and the handler is stopped", async () => {
      const stopped: string[] = [];
      await start((node) => {
        node.handle(watch, async function* (_: Note, { signal, remainingMs }: Context) {
          assert.ok(remainingMs > 0);
          yield textNote("x");
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          stopped.push(signal.reason.code);
        });
        node.handle(gather, async (requests: AsyncIterable<Note>) => {
          try {
            await textsOf(requests);
          } catch (error) {
            stopped.push((error as RpcError).code);
            throw error;
          }
          return textNote("never");
        });
      });
      const late = await cluster.fails(textsOf(caller.invoke("1.1.1", watch, textNote(""), { timeoutMs: 300 })));
      assert.deepEqual([late.code, late.execution], ["DEADLINE_EXCEEDED", "unknown"]);
      const abort = new AbortController();
      const aborted = failureOf(textsOf(caller.invoke("1.1.1", watch, textNote(""), { signal: abort.signal })));
      await cluster.clock.advance(50);
      abort.abort(new Error("the player left"));
      const cancelled = await cluster.run(aborted);
      assert.deepEqual([cancelled.code, cancelled.execution], ["CANCELLED", "unknown"]);
      async function* broken(): AsyncGenerator<Note> {
        yield textNote("1");
        throw new Error("the file is gone");
      }
      const threw = await cluster.fails(caller.invoke("1.1.1", gather, broken()));
      assert.equal(threw.code, "CANCELLED");
      assert.match(threw.message, /the file is gone/);
      await cluster.clock.advance(50);
      assert.deepEqual(stopped, ["CANCELLED", "CANCELLED", "CANCELLED"]);
      await assertNothingLeft();
    });

    test("without a handler, or with one that is unary: UNIMPLEMENTED, not run; with a picker the next node is asked", async () => {
      await start((node) => node.handle(echo, (note: Note) => note));
      const error = await cluster.fails(textsOf(caller.invoke("1.1.1", watch, textNote(""))));
      assert.deepEqual([error.code, error.execution, error.method], ["UNIMPLEMENTED", "notRun", "test.Notes/watch"]);
      await cluster.start("1.1.2", { export: true }, (node) =>
        node.handle(watch, function* () {
          yield textNote("here");
        }),
      );
      let asked = 0;
      const target = byType(1, (candidates) => candidates[asked++ % candidates.length]);
      for (let i = 0; i < 4; i++) assert.deepEqual(await cluster.run(textsOf(caller.invoke(target, watch, textNote("")))), ["here"]);
      await assertNothingLeft();
    });

    test("messages that are too large, or no messages, fail with what was wrong", async () => {
      await start(
        (node) => {
          node.handle(watch, async function* ({ text }: Note) {
            yield text === "wrong" ? ({ text: 7 } as unknown as Note) : sizedNote(20_000);
          });
          node.handle(gather, async (requests: AsyncIterable<Note>) => textNote(String((await textsOf(requests)).length)));
        },
        { rpc: { maxPayloadBytes: 10_000 } },
      );
      const codes: string[] = [];
      for (const promise of [
        () => textsOf(caller.invoke("1.1.1", watch, sizedNote(10_001))),
        () => textsOf(caller.invoke("1.1.1", watch, textNote("large"))),
        () => textsOf(caller.invoke("1.1.1", watch, textNote("wrong"))),
        () => caller.invoke("1.1.1", gather, [textNote("a"), sizedNote(10_001)]),
        () => caller.invoke("1.1.1", gather, 7),
      ]) {
        const { code, execution } = await cluster.fails(promise());
        codes.push(`${code} ${execution}`);
      }
      assert.deepEqual(codes, [
        "RESOURCE_EXHAUSTED notRun",
        "RESOURCE_EXHAUSTED ran",
        "INTERNAL ran",
        "RESOURCE_EXHAUSTED unknown",
        "CANCELLED unknown",
      ]);
      assert.equal((await cluster.run(caller.invoke("1.1.1", gather, [sizedNote(10_000)]))).text, "1");
      await assertNothingLeft();
    });

    test("interceptors of both sides, see the call and may change what streams", async () => {
      const seen: string[] = [];
      await start((node) => {
        node.handle(watch, async function* ({ text }: Note) {
          yield textNote(text);
        });
        node.use({
          handler: async (call, next) => {
            seen.push(`handler ${call.method.kind}`);
            const replies = (await next(call)) as AsyncIterable<Note>;
            return (async function* () {
              for await (const { text } of replies) yield textNote(`${text}!`);
            })();
          },
        });
      });
      caller.use({
        caller: async (call, next) => {
          seen.push(`caller ${call.method.kind}`);
          const replies = (await next({ ...call, input: textNote("changed") })) as AsyncIterable<Note>;
          return (async function* () {
            for await (const { text } of replies) yield textNote(`${text}?`);
          })();
        },
      });
      assert.deepEqual(await cluster.run(textsOf(caller.invoke("1.1.1", watch, textNote("x")))), ["changed!?"]);
      assert.deepEqual(seen, ["caller server", "handler server"]);
      await assertNothingLeft();
    });

    test("limits of requests and of the method, count them for as long as they last", async () => {
      await start(
        (node) => {
          node.handle(watch, async function* (_: Note, { signal }: Context) {
            yield textNote("in");
            await new Promise((resolve) => signal.addEventListener("abort", resolve));
          });
          node.handle(echo, (note: Note) => note);
          node.limit(watch.name, { maxConcurrent: 2 });
        },
        { rpc: { maxRequests: 3 } },
      );
      const open = [0, 1].map(() => caller.invoke("1.1.1", watch, textNote("")));
      for (const replies of open) await cluster.run(replies.next());
      const third = await cluster.fails(textsOf(caller.invoke("1.1.1", watch, textNote(""))));
      assert.deepEqual([third.code, third.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
      assert.equal(server.status().limits[watch.name]!.running, 2);
      await open[0]!.return?.();
      await cluster.clock.advance(20);
      await cluster.run(caller.invoke("1.1.1", watch, textNote("")).next());
      assert.equal(server.status().handlersRunning, 2);
      server.limit(watch.name, { maxConcurrent: 10 });
      await cluster.run(caller.invoke("1.1.1", watch, textNote("")).next());
      const fourth = await cluster.fails(textsOf(caller.invoke("1.1.1", watch, textNote(""))));
      assert.deepEqual([fourth.code, fourth.execution], ["RESOURCE_EXHAUSTED", "notRun"]);
      await cluster.close();
    });

    test("the connection is lost, calls fail as UNAVAILABLE, unknown; handlers are stopped", async () => {
      let stopped = 0;
      await start((node) =>
        node.handle(watch, async function* (_: Note, { signal }: Context) {
          signal.addEventListener("abort", () => stopped++);
          for (;;) yield sizedNote(10_000);
        }),
      );
      const calls = Array.from({ length: 10 }, () => caller.invoke("1.1.1", watch, textNote("")));
      await cluster.run(Promise.all(calls.map((call) => call.next())));
      cluster.network.reset("h1-1-1", isOver ? "h1-255-1" : "h1-2-1");
      for (const call of calls) {
        const { code, execution } = await cluster.fails(textsOf(call));
        assert.deepEqual([code, execution], ["UNAVAILABLE", "unknown"]);
      }
      assert.equal(stopped, 10);
      await assertNothingLeft();
    });

    test("a node that closes, lets them finish, and cancels those that do not", async () => {
      await start((node) =>
        node.handle(talk, async function* (requests: AsyncIterable<Note>) {
          for await (const { text } of requests) yield textNote(text);
        }),
      );
      let end: () => void = () => {};
      async function* until(): AsyncGenerator<Note> {
        yield textNote("a");
        await new Promise<void>((resolve) => {
          end = resolve;
        });
        yield textNote("b");
      }
      const short = textsOf(caller.invoke("1.1.1", talk, until(), { timeoutMs: 60_000 }));
      await cluster.clock.advance(50);
      const endShort = end;
      const long = failureOf(textsOf(caller.invoke("1.1.1", talk, until(), { timeoutMs: 60_000 })));
      await cluster.clock.advance(50);
      const closing = server.close({ timeoutMs: 1_000 });
      await cluster.clock.advance(100);
      endShort();
      assert.deepEqual(await cluster.run(short), ["a", "b"]);
      const report = await cluster.run(closing);
      assert.deepEqual([report.timedOut, report.requestsCut], [true, 1]);
      assert.equal((await cluster.run(long)).code, "CANCELLED");
      await cluster.close();
    });

    test("ten thousand that are cancelled, late or broken off, leave no stream, timer, listener or handler", async () => {
      const note = sizedNote(5_000);
      let running = 0;
      await start((node) => {
        node.handle(watch, async function* () {
          running++;
          try {
            for (;;) yield note;
          } finally {
            running--;
          }
        });
        node.handle(talk, async function* (requests: AsyncIterable<Note>) {
          running++;
          try {
            for await (const note of requests) yield note;
          } finally {
            running--;
          }
        });
      });
      const abort = new AbortController();
      let listeners = 0;
      let left = 0;
      const { addEventListener, removeEventListener } = abort.signal;
      abort.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
        listeners++;
        return addEventListener.apply(abort.signal, args);
      };
      abort.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
        listeners--;
        return removeEventListener.apply(abort.signal, args);
      };
      async function* endless(): AsyncGenerator<Note> {
        for (;;) yield note;
      }
      const leave = async (i: number): Promise<void> => {
        const own = i % 4 === 1 ? new AbortController() : undefined;
        const options = { timeoutMs: i % 4 === 0 ? 40 + (i % 7) : 60_000, signal: own?.signal ?? abort.signal };
        const replies =
          i % 2 === 0 ? caller.invoke("1.1.1", watch, textNote(""), options) : caller.invoke("1.1.1", talk, endless(), options);
        let seen = 0;
        const loop = async (): Promise<void> => {
          for await (const _ of replies) {
            if (i % 4 !== 0 && ++seen === 1 + (i % 5)) {
              if (own !== undefined) own.abort(new Error("cancelled by its caller"));
              else if (i % 3 === 0) throw new Error("thrown by the loop");
              else break;
            }
          }
        };
        const failed = await loop().then(
          () => undefined,
          (error: unknown) => error,
        );
        if (own !== undefined) assert.ok(RpcError.is(failed) && failed.code === "CANCELLED", String(failed));
        if (own !== undefined) left += getEventListeners(own.signal, "abort").length;
      };
      await cluster.run(leave(3)); // what stands from now on, stands for all of them
      await cluster.clock.advance(100);
      const timers = cluster.clock.pendingTimers;
      for (let round = 0; round < 100; round++) {
        await cluster.run(Promise.allSettled(Array.from({ length: 100 }, (_, i) => leave(round * 100 + i))));
      }
      await cluster.clock.advance(100);
      assert.equal(running, 0);
      assert.deepEqual([listeners, left], [0, 0]);
      assert.ok(cluster.clock.pendingTimers <= timers, `${cluster.clock.pendingTimers} timers, ${timers} before`);
      await assertNothingLeft();
    });

    test("a mailbox in a streaming handler, works as in others", async () => {
      const rooms = mailbox<string>({ maxQueued: 10 });
      await start((node) =>
        node.handle(talk, async function* (requests: AsyncIterable<Note>) {
          for await (const note of requests) yield (await rooms.run("lobby", () => note)) as Note;
        }),
      );
      assert.deepEqual(await cluster.run(textsOf(caller.invoke("1.1.1", talk, notes("a", "b")))), ["a", "b"]);
      await assertNothingLeft();
    });
  });
}
