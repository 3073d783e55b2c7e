import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import type { CallerInterceptor, HandlerInterceptor } from "../../src/rpc/interceptor.js";
import type { Method } from "../../src/rpc/service.js";
import { KIND, putU32 } from "../../src/wire/header.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";
import { rawPeer } from "../support/raw-peer.js";

function named(trace: string[], name: string): CallerInterceptor & HandlerInterceptor {
  const interceptor = async (
    call: { readonly input: unknown; readonly oneWay: boolean },
    next: (call: never) => Promise<unknown>,
  ): Promise<unknown> => {
    trace.push(`${name} in${call.oneWay ? " one-way" : ""}`);
    const output = (await next({ ...call, input: { ...(call.input as Note), text: `${(call.input as Note).text}${name}` } } as never)) as
      | Note
      | undefined;
    trace.push(`${name} out`);
    return output === undefined ? undefined : { ...output, text: `${output.text}${name}` };
  };
  return interceptor as CallerInterceptor & HandlerInterceptor;
}

suite("interceptors", () => {
  for (const to of ["1.1.1", "1.1.2"] as const) {
    test(`to ${to}: on both sides, the first added is outermost, and both ways may be changed`, async () => {
      const cluster = new Cluster();
      const trace: string[] = [];
      const prepare = (node: Cluster["nodes"][0]): void => {
        node.use({ handler: named(trace, "c") });
        node.handle(echo, (note: Note) => {
          trace.push(`handler ${note.text}`);
          return note;
        });
        node.use({ handler: named(trace, "d") });
      };
      const caller = await cluster.start("1.1.1", {}, prepare);
      caller.use({ caller: named(trace, "a") });
      caller.use({ caller: named(trace, "b") });
      await cluster.start("1.1.2", {}, prepare);
      const reply = await cluster.run(caller.invoke(to, echo, textNote("")));
      assert.equal(reply.text, "abcddcba");
      assert.deepEqual(trace, ["a in", "b in", "c in", "d in", "handler abcd", "d out", "c out", "b out", "a out"]);
      trace.length = 0;
      await cluster.run(caller.post(to, echo, textNote("")));
      await cluster.clock.advance(10);
      assert.deepEqual(
        trace.filter((line) => line.endsWith("one-way") || line.startsWith("handler")),
        ["a in one-way", "b in one-way", "c in one-way", "d in one-way", "handler abcd"],
      );
      await cluster.close();
    });
  }

  test("one that retries, answers itself, throws or returns no promise, decides the call", async () => {
    const cluster = new Cluster();
    let runs = 0;
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) =>
      node.handle(echo, (note) => {
        if (++runs < 3) throw new RpcError("ABORTED", "again");
        return note;
      }),
    );
    caller.use({
      caller: (async (call, next) => {
        const { text } = call.input as Note;
        if (text === "short") return textNote("answered here");
        if (text !== "retry") return next(call);
        for (let attempt = 1; ; attempt++) {
          try {
            return await next(call);
          } catch (error) {
            if (attempt === 5) throw error;
          }
        }
      }) satisfies CallerInterceptor,
    });
    caller.use({
      caller: ((call, next) => {
        const { text } = call.input as Note;
        if (text === "throw") throw new RpcError("PERMISSION_DENIED", "no");
        if (text === "plain") return textNote("no promise") as never;
        return next(call);
      }) satisfies CallerInterceptor,
    });
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("retry")))).text, "retry");
    assert.equal(runs, 3);
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("short")))).text, "answered here");
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("plain")))).text, "no promise");
    assert.equal((await failureOf(caller.invoke("1.1.2", echo, textNote("throw")))).code, "PERMISSION_DENIED");
    assert.equal(runs, 3);
    await cluster.close();
  });

  test("a request without a deadline, is no one-way message to them", async () => {
    const cluster = new Cluster();
    const trace: string[] = [];
    await cluster.start("1.1.1", {}, (node) => {
      node.handle(echo, (note) => note);
      node.use({ handler: named(trace, "a") });
    });
    const peer = await rawPeer(cluster, "1.1.9", "1.1.1");
    const body = new Uint8Array(4);
    putU32(body, 0, echo.id);
    peer.send({ kind: KIND.request, remainingMs: 0 }, body);
    await cluster.clock.advance(20);
    assert.deepEqual(trace, ["a in", "a out"]);
    assert.equal(peer.frames[0]!.kind, KIND.reply);
    peer.destroy();
    await cluster.close();
  });

  test("one at the handling side that throws, at once or later, answers with its error", async () => {
    for (const how of ["sync", "async"]) {
      const cluster = new Cluster();
      const caller = await cluster.start("1.1.1");
      await cluster.start("1.1.2", {}, (node) => {
        node.handle(echo, (note) => note);
        node.use({
          handler: () => {
            const error = new RpcError("UNAUTHENTICATED", "who are you?");
            if (how === "sync") throw error;
            return Promise.reject(error);
          },
        });
      });
      const error = await cluster.fails(caller.invoke("1.1.2", echo, textNote("")));
      assert.deepEqual([error.code, error.reason, error.execution], ["UNAUTHENTICATED", "who are you?", "ran"]);
      await cluster.close();
    }
  });
});

suite("registration", () => {
  test("a method or message that is there already, or has the hash of another one, is refused; one after start works", async () => {
    const cluster = new Cluster();
    const node = await cluster.start("1.1.1");
    node.handle(echo, (note) => note);
    assert.throws(() => node.handle(echo, (note) => note), /test\.Notes\/echo has a handler already/);
    const clash: Method<Note, Note> = { ...noteMethod("other"), id: echo.id };
    assert.throws(() => node.handle(clash, (note) => note), /same 32-bit hash/);
    assert.throws(() => node.handle(noteMethod("none"), undefined as never), TypeError);
    node.onMessage(noteMessage, () => {});
    assert.throws(() => node.onMessage(noteMessage, () => {}), /already/);
    node.onMessage(3, () => {});
    assert.throws(() => node.onMessage(3, () => {}), /already/);
    assert.throws(() => node.onMessage(65_536, () => {}), RangeError);
    assert.equal((await cluster.run(node.invoke("1.1.1", echo, textNote("late")))).text, "late");
    await cluster.close();
  });
});
