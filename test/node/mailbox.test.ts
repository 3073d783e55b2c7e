/** Mailboxes and limits as callers of other nodes see them. */
import assert from "node:assert/strict";
import { InvalidOptionsError, RpcError } from "../../src/errors.js";
import { Deferred } from "../../src/internal/deferred.js";
import type { ClusterNode } from "../../src/node/node.js";
import { mailbox } from "../../src/rpc/mailbox.js";
import { byType } from "../../src/rpc/picker.js";
import type { Context } from "../../src/rpc/service.js";
import { MemoryNodes } from "../support/memory-nodes.js";
import { type Text, textMessage, textMethod } from "../support/text-method.js";

const say = textMethod("test.Chat/say");
const news = textMessage(7, "test.News");

/** Callers' addresses with what they got: code and execution of the error, or the text of the reply. */
async function outcome(call: Promise<Text>): Promise<string> {
  try {
    return (await call).text;
  } catch (error) {
    assert.ok(RpcError.is(error), String(error));
    return `${error.code} ${error.execution}: ${error.reason}`;
  }
}

suite("mailboxes and limits of nodes", () => {
  let nodes: MemoryNodes;
  let caller: ClusterNode;
  /** Of the requests whose handlers have begun, by their text. */
  let gates: Map<string, Deferred<void>>;
  let begun: string[];

  setup(async () => {
    nodes = new MemoryNodes();
    gates = new Map();
    begun = [];
    caller = await nodes.start("1.2.1");
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  /** Runs until the test opens its gate. */
  const held = async ({ text }: Text): Promise<Text> => {
    begun.push(text);
    const gate = new Deferred<void>();
    gates.set(text, gate);
    await gate.promise;
    return { text: `${text} done` };
  };

  const call = (text: string, options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<string> =>
    outcome(caller.invoke("1.3.1", say, { text }, { timeoutMs: 60_000, ...options }));

  /** Opens the gate of `text`, and lets everything happen that follows. */
  const open = async (text: string): Promise<void> => {
    gates.get(text)!.resolve();
    await nodes.clock.advance(50);
  };

  const roomOf = ({ text }: Text): string => text.slice(0, 1);

  suite("a handler in a mailbox", () => {
    test("requests of one room, are handled one after the other, those of another room meanwhile", async () => {
      const rooms = mailbox<string>();
      await nodes.start("1.3.1", (node) => node.handle(say, rooms.serial(roomOf, held)));
      const replies = Promise.all(["a1", "a2", "b1", "a3"].map((text) => call(text)));
      await nodes.clock.advance(50);
      assert.deepEqual(begun, ["a1", "b1"]);
      await open("a1");
      assert.deepEqual(begun, ["a1", "b1", "a2"]);
      await open("a2");
      await open("a3");
      await open("b1");
      assert.deepEqual(await replies, ["a1 done", "a2 done", "b1 done", "a3 done"]);
      assert.equal(rooms.status().keys, 0);
    });

    test("a request for which there is no room, is answered RESOURCE_EXHAUSTED and notRun, and no error of the handler is logged", async () => {
      const rooms = mailbox<string>({ name: "rooms", maxQueued: 1 });
      const logged: string[] = [];
      const log = (_: object, text: string): void => void logged.push(text);
      const logger = { trace: () => {}, debug: () => {}, info: () => {}, warn: log, error: log };
      await nodes.start("1.3.1", (node) => node.handle(say, rooms.serial(roomOf, held)), { logger });
      void call("a1");
      void call("a2");
      assert.equal(
        await Promise.race([call("a3"), nodes.clock.advance(50).then(() => "no answer")]),
        'RESOURCE_EXHAUSTED notRun: mailbox "rooms" lets 1 tasks wait for "a", and they do; call less at once, or raise its maxQueued',
      );
      await open("a1");
      await open("a2");
      assert.deepEqual([begun, logged], [["a1", "a2"], []]);
    });

    test("a call with a picker that is refused, is tried once more on another node", async () => {
      const rooms = mailbox<string>({ maxQueued: 0 });
      await nodes.start("1.3.1", (node) => node.handle(say, rooms.serial(roomOf, held)));
      await nodes.start("1.3.2", (node) => node.handle(say, ({ text }: Text) => ({ text: `${text} elsewhere` })));
      void call("a1");
      await nodes.clock.advance(50);
      const replies = ["a2", "a3", "a4", "a5"].map((text) => outcome(caller.invoke(byType(3, "round-robin"), say, { text })));
      await nodes.clock.advance(50);
      assert.deepEqual(await Promise.all(replies), ["a2 elsewhere", "a3 elsewhere", "a4 elsewhere", "a5 elsewhere"]);
      assert.deepEqual([rooms.status().refused, begun], [2, ["a1"]]);
    });

    test("a request whose caller cancels while it waits, leaves the queue at once and never begins", async () => {
      const rooms = mailbox<string>({ maxQueued: 1 });
      await nodes.start("1.3.1", (node) => node.handle(say, rooms.serial(roomOf, held)));
      const abort = new AbortController();
      void call("a1");
      const cancelled = call("a2", { signal: abort.signal });
      await nodes.clock.advance(50);
      assert.equal(rooms.status().queued, 1);
      abort.abort(new Error("changed my mind"));
      assert.match(await cancelled, /^CANCELLED unknown: /);
      await nodes.clock.advance(50);
      assert.deepEqual([rooms.status().queued, rooms.status().withdrawn], [0, 1]);
      const next = call("a3");
      await nodes.clock.advance(50);
      await open("a1");
      await open("a3");
      assert.equal(await next, "a3 done");
      assert.deepEqual(begun, ["a1", "a3"]);
    });

    test("a request whose deadline passes while it waits, leaves the queue and never begins", async () => {
      const rooms = mailbox<string>();
      await nodes.start("1.3.1", (node) => node.handle(say, rooms.serial(roomOf, held)));
      void call("a1");
      const late = call("a2", { timeoutMs: 500 });
      await nodes.clock.advance(600);
      assert.match(await late, /^DEADLINE_EXCEEDED /);
      assert.equal(rooms.status().queued, 0);
      await open("a1");
      assert.deepEqual(begun, ["a1"]);
    });

    test("two handlers that wait for each other's keys, are freed by their deadlines", async () => {
      const rooms = mailbox<string>();
      const both = new Deferred<void>();
      const crossing = rooms.serial(roomOf, async ({ text }: Text): Promise<Text> => {
        begun.push(text);
        if (begun.length === 2) both.resolve();
        await both.promise;
        return await rooms.run(text === "a" ? "b" : "a", () => ({ text: "never" }));
      });
      await nodes.start("1.3.1", (node) => node.handle(say, crossing));
      const replies = Promise.all([call("a", { timeoutMs: 500 }), call("b", { timeoutMs: 500 })]);
      await nodes.clock.advance(600);
      for (const reply of await replies) assert.match(reply, /^DEADLINE_EXCEEDED /);
      await rooms.idle();
    });

    test("a handler that did something before it was refused by a mailbox, has run", async () => {
      const rooms = mailbox<string>({ maxQueued: 0 });
      const inner = rooms.serial(roomOf, held);
      const players = mailbox<string>();
      await nodes.start("1.3.1", (node) => {
        node.handle(
          say,
          players.serial(
            ({ text }: Text) => text,
            async (request: Text, context: Context): Promise<Text> => {
              begun.push(`${request.text} first`);
              return await inner(request, context);
            },
          ),
        );
      });
      void call("a1");
      await nodes.clock.advance(50);
      const refused = call("a2");
      await nodes.clock.advance(50);
      assert.match(await refused, /^RESOURCE_EXHAUSTED ran: /);
      assert.deepEqual(begun, ["a1 first", "a1", "a2 first"]);
    });

    test("an interceptor that tries again after the handler has run, never makes it notRun", async () => {
      const rooms = mailbox<string>();
      await nodes.start("1.3.1", (node) => {
        const handler = rooms.serial(roomOf, ({ text }: Text) => {
          begun.push(text);
          rooms.destroy("closed meanwhile");
          throw new RpcError("ABORTED", "try again");
        });
        node.handle(say, handler);
        node.use({ handler: (incoming, next) => next(incoming).catch(() => next(incoming)) });
      });
      const reply = call("a1");
      await nodes.clock.advance(50);
      assert.equal(await reply, "CANCELLED ran: closed meanwhile");
      assert.deepEqual(begun, ["a1"]);
    });

    test("a call of a handler to its own node and room, is no task within its task", async () => {
      const rooms = mailbox<string>();
      let node: ClusterNode | undefined;
      await nodes.start("1.3.1", (it) => {
        node = it;
        it.handle(
          say,
          rooms.serial(roomOf, async ({ text }: Text) => {
            begun.push(text);
            if (text === "a1") await it.post("1.3.1", say, { text: "a2" });
            return { text };
          }),
        );
      });
      const reply = call("a1");
      await nodes.clock.advance(50);
      assert.equal(await reply, "a1");
      assert.deepEqual(begun, ["a1", "a2"]);
      assert.equal(node!.status().oneWaysDropped, 0);
    });

    test("a one-way message for which there is no room, is dropped and counted", async () => {
      const rooms = mailbox<string>({ maxQueued: 0 });
      const node = await nodes.start("1.3.1", (it) =>
        it.onMessage(
          news,
          rooms.serial(roomOf, async (value) => void (await held(value))),
        ),
      );
      const sent = Promise.all(["a1", "a2", "b1"].map((text) => caller.send("1.3.1", news, { text })));
      await nodes.clock.advance(50);
      await sent;
      assert.deepEqual([begun, node.status().oneWaysDropped], [["a1", "b1"], 1]);
    });
  });

  suite("work that outlives its request", () => {
    test("a detached task, runs after the reply and the deadline, and its calls have deadlines of their own", async () => {
      const rooms = mailbox<string>();
      const results: Promise<unknown>[] = [];
      await nodes.start("1.2.2", (node) => node.handle(say, ({ text }: Text) => ({ text: `${text} heard` })));
      await nodes.start("1.3.1", (node) => {
        node.handle(say, (request: Text) => {
          results.push(rooms.run("a", () => held(request), { detached: true }));
          results.push(rooms.run("a", () => node.invoke("1.2.2", say, { text: "later" }), { detached: true }));
          results.push(outcome(rooms.run("a", () => assert.fail("it ran"))));
          return { text: "at once" };
        });
      });
      const reply = call("a1", { timeoutMs: 100 });
      await nodes.clock.advance(50);
      assert.equal(await reply, "at once");
      await nodes.clock.advance(1_000);
      await open("a1");
      assert.deepEqual(await Promise.all(results), [
        { text: "a1 done" },
        { text: "later heard" },
        'DEADLINE_EXCEEDED notRun: not begun: waiting for "a" ended: the caller\'s deadline for test.Chat/say is over',
      ]);
    });
  });

  suite("a limit of a method", () => {
    test("requests over it, are answered at once with method and limit, notRun; settled ones make room", async () => {
      const node = await nodes.start("1.3.1", (it) => {
        it.handle(say, held);
        it.limit("test.Chat/say", { maxConcurrent: 2 });
      });
      const first = call("a1");
      void call("a2");
      const refused = call("a3");
      await nodes.clock.advance(50);
      assert.equal(
        await refused,
        "RESOURCE_EXHAUSTED notRun: test.Chat/say is limited to 2 requests at once, 2 run; call less at once, or another node",
      );
      assert.deepEqual(node.status().limits, { "test.Chat/say": { running: 2, queued: 0, refused: 1 } });
      await open("a1");
      assert.equal(await first, "a1 done");
      void call("a4");
      await nodes.clock.advance(50);
      assert.deepEqual(begun, ["a1", "a2", "a4"]);
    });

    test("a handler that goes on after its caller's deadline, still counts", async () => {
      await nodes.start("1.3.1", (it) => {
        it.handle(say, held);
        it.limit("test.Chat/say", { maxConcurrent: 1 });
      });
      const late = call("a1", { timeoutMs: 100 });
      await nodes.clock.advance(200);
      assert.match(await late, /^DEADLINE_EXCEEDED /);
      const refused = call("a2");
      await nodes.clock.advance(50);
      assert.match(await refused, /^RESOURCE_EXHAUSTED notRun/);
      await open("a1");
      const next = call("a3");
      await nodes.clock.advance(50);
      await open("a3");
      assert.equal(await next, "a3 done");
    });

    test("with room to wait, requests begin in order and leave with their deadline; a wider limit lets them begin", async () => {
      const node = await nodes.start("1.3.1", (it) => {
        it.handle(say, held);
        it.limit("test.Chat/say", { maxConcurrent: 1, maxQueued: 3 });
      });
      void call("a1");
      const late = call("a2", { timeoutMs: 100 });
      void call("a3");
      void call("a4");
      const refused = call("a5");
      await nodes.clock.advance(200);
      assert.match(await late, /^DEADLINE_EXCEEDED /);
      assert.equal(
        await refused,
        "RESOURCE_EXHAUSTED notRun: test.Chat/say is limited to 1 requests at once, 1 run, 3 wait; call less at once, or another node",
      );
      await open("a1");
      assert.deepEqual(begun, ["a1", "a3"]);
      node.limit("test.Chat/say", { maxConcurrent: 2 });
      assert.deepEqual(begun, ["a1", "a3", "a4"]);
      assert.deepEqual(node.status().limits["test.Chat/say"], { running: 2, queued: 0, refused: 1 });
    });

    test("it stands before interceptors, whenever either is added, and handlers that answer at once use it up by none", async () => {
      const seen: string[] = [];
      await nodes.start("1.3.1", (it) => {
        it.handle(say, (request: Text) => (request.text === "wait" ? held(request) : request));
        it.limit("test.Chat/say", { maxConcurrent: 1 });
        it.use({
          handler: (incoming, next) => {
            seen.push((incoming.input as Text).text);
            return next(incoming);
          },
        });
      });
      const replies: string[] = [];
      for (const text of ["1", "2", "wait", "3"]) {
        void call(text).then((reply) => replies.push(reply));
        await nodes.clock.advance(50);
      }
      assert.deepEqual(seen, ["1", "2", "wait"]);
      assert.match(replies.join(), /^1,2,RESOURCE_EXHAUSTED notRun/);
    });

    test("a method without a handler and options that cannot work, are refused", async () => {
      const node = await nodes.start("1.3.1", (it) => it.handle(say, held));
      assert.throws(
        () => node.limit("test.Chat/sayy", { maxConcurrent: 1 }),
        /^Error: no method "test.Chat\/sayy" has a handler here; did you mean "test.Chat\/say"\?$/,
      );
      assert.throws(() => node.limit("other", { maxConcurrent: 1 }), /^Error: no method "other" has a handler here; register it first$/);
      assert.throws(
        () => node.limit("test.Chat/say", { maxConcurrent: 0, maxQueued: 0.5 }),
        (error) =>
          error instanceof InvalidOptionsError &&
          error.message ===
            "limit of test.Chat/say: maxConcurrent is 0, must be a whole number from 1; maxQueued is 0.5, must be a whole number from 0",
      );
      assert.deepEqual(node.status().limits, {});
    });
  });
});
