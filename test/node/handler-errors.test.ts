import assert from "node:assert/strict";
import { RpcError } from "../../src/errors.js";
import type { ClusterNode } from "../../src/node/node.js";
import { Cluster, failureOf } from "../support/cluster.js";
import { echo, type Note, noteMessage, noteMethod, textNote } from "../support/note.js";

const fail = noteMethod("fail");

/** A caller, and a node whose handler does what `behave` says; over a link, and to itself. */
async function onBothWays(
  behave: () => unknown,
  look: (caller: ClusterNode, to: "1.1.2", cluster: Cluster) => Promise<void>,
): Promise<void> {
  const cluster = new Cluster();
  const far = await cluster.start("1.1.1");
  const near = await cluster.start("1.1.2", {}, (node) => {
    node.handle(fail, behave);
    node.handle(echo, (note) => note);
  });
  for (const caller of [far, near]) {
    await look(caller, "1.1.2", cluster);
    assert.equal((await cluster.run(caller.invoke("1.1.2", echo, textNote("still")))).text, "still");
  }
  assert.deepEqual(
    cluster.log.filter((line) => line.level === "warn"),
    [],
  );
  await cluster.close();
}

suite("what handlers throw and return", () => {
  test("an RpcError, reaches the caller with code, appCode, details and reason", async () => {
    const thrown = new RpcError("SOMETHING_NEW", "no such room", { appCode: -42, details: Uint8Array.of(1, 2, 3) });
    for (const behave of [
      () => {
        throw thrown;
      },
      () => Promise.reject(thrown),
    ]) {
      await onBothWays(behave, async (caller, to, cluster) => {
        const error = await cluster.fails(caller.invoke(to, fail, textNote("")));
        assert.equal(error.code, "SOMETHING_NEW");
        assert.equal(error.appCode, -42);
        assert.deepEqual(error.details, Uint8Array.of(1, 2, 3));
        assert.equal(error.reason, "no such room");
        assert.equal(error.execution, "ran");
        assert.equal(error.peer, "1.1.2");
        assert.equal(error.method, "test.Notes/fail");
      });
    }
  });

  const hostile = new Error("x");
  Object.defineProperty(hostile, "message", {
    get() {
      throw new Error("no message");
    },
  });
  const odd = Object.assign(new Error("odd"), { name: "RpcError", code: 5, execution: "ran", details: "text", appCode: "7", method: 3 });
  for (const [what, value] of [
    ["a text", "oops"],
    ["undefined", undefined],
    ["null", null],
    ["a symbol", Symbol("s")],
    ["an object without a prototype", Object.create(null)],
    ["an error whose message throws", hostile],
    ["something that looks like an RpcError", odd],
  ] as const) {
    for (const how of ["sync", "async"] as const) {
      test(`${what}, thrown ${how}, becomes an error and harms nothing`, async () => {
        const behave = (): unknown => {
          if (how === "async") return Promise.reject(value);
          throw value;
        };
        await onBothWays(behave, async (caller, to, cluster) => {
          const error = await cluster.fails(caller.invoke(to, fail, textNote("")));
          assert.equal(error.code, value === odd ? "UNKNOWN" : "INTERNAL");
          assert.equal(error.execution, "ran");
        });
      });
    }
  }

  for (const [what, value] of [
    ["undefined", undefined],
    ["null", null],
    ["a number", 7],
    ["an object with fields of wrong types", { text: 7, data: "x" }],
    ["a promise of undefined", Promise.resolve(undefined)],
    [
      "an object whose then throws",
      {
        // biome-ignore lint/suspicious/noThenProperty: this is what is tested
        get then() {
          throw new Error("no then");
        },
      },
    ],
    [
      "a thenable that throws",
      {
        // biome-ignore lint/suspicious/noThenProperty: this is what is tested
        then() {
          throw new Error("never");
        },
      },
    ],
    [
      "a result whose getter throws null",
      {
        get text() {
          throw null;
        },
      },
    ],
  ] as const) {
    test(`${what}, returned, is INTERNAL and harms nothing`, async () => {
      await onBothWays(
        () => value,
        async (caller, to, cluster) => {
          const error = await cluster.fails(caller.invoke(to, fail, textNote("")));
          assert.equal(error.code, "INTERNAL");
          assert.equal(error.execution, "ran");
        },
      );
    });
  }

  test("a thenable that is no promise, is waited for", async () => {
    const thenable = {
      // biome-ignore lint/suspicious/noThenProperty: this is what is tested
      then(resolve: (note: Note) => void) {
        resolve(textNote("then"));
        resolve(textNote("twice"));
      },
    };
    await onBothWays(
      () => thenable,
      async (caller, to, cluster) => {
        assert.equal((await cluster.run(caller.invoke(to, fail, textNote("")))).text, "then");
      },
    );
  });
});

suite("inputs that misbehave while they are encoded", () => {
  for (const to of ["1.1.1", "1.1.2"] as const) {
    test(`to ${to}: a getter that throws, fails that call only`, async () => {
      const cluster = new Cluster();
      const caller = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
      await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
      for (const warm of [false, true]) {
        const input = {
          data: Uint8Array.of(1),
          get text(): string {
            throw warm ? null : new Error("no text");
          },
        };
        const error = await failureOf(caller.invoke(to, echo, input));
        assert.deepEqual([error.code, error.execution], ["INVALID_ARGUMENT", "notRun"]);
        assert.equal((await failureOf(caller.send(to, noteMessage, input as never))).code, "INVALID_ARGUMENT");
        assert.equal((await cluster.run(caller.invoke(to, echo, textNote("next")))).text, "next");
      }
      await cluster.close();
    });

    test(`to ${to}: an encoder that sends another message over the same link, sends its own whole; the other one fails`, async () => {
      const cluster = new Cluster();
      const caller = await cluster.start("1.1.1", {}, (node) => node.handle(echo, (note) => note));
      await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
      const nesting = {
        ...echo,
        input: {
          ...echo.input,
          encode(note: Note, writer?: Parameters<typeof echo.input.encode>[1]) {
            const begun = echo.input.encode(note, writer);
            inner.push(failureOf(caller.invoke(to, echo, textNote("inner"))), failureOf(caller.post(to, echo, textNote("inner"))));
            return echo.input.encode({ text: "", data: Uint8Array.of(7) }, begun);
          },
        },
      };
      const inner: Promise<RpcError>[] = [];
      for (let warm = 0; warm < 2; warm++) {
        const reply = await cluster.run(caller.invoke(to, nesting, textNote("outer")));
        assert.deepEqual([reply.text, [...reply.data]], ["outer", [7]]);
      }
      for (const error of await Promise.all(inner)) assert.deepEqual([error.code, error.execution], ["INVALID_ARGUMENT", "notRun"]);
      assert.equal(inner.length, 4);
      await cluster.close();
    });
  }

  test("an encoder that aborts calls, its own among them, cancels them all", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => {
      node.handle(echo, (note) => note);
      node.handle(fail, () => new Promise(() => {}));
    });
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    const other = new AbortController();
    const own = new AbortController();
    const first = failureOf(caller.invoke("1.1.2", fail, textNote(""), { signal: other.signal }));
    await cluster.clock.advance(10);
    const aborting = {
      data: new Uint8Array(0),
      get text(): string {
        other.abort();
        own.abort();
        return "x";
      },
    };
    const second = failureOf(caller.invoke("1.1.2", fail, aborting, { signal: own.signal }));
    assert.equal((await cluster.run(first)).code, "CANCELLED");
    assert.equal((await cluster.run(second)).code, "CANCELLED");
    await cluster.clock.advance(20);
    assert.equal(cluster.nodes[1]!.status().requestsInProgress, 0);
    await cluster.close();
  });

  test("an encoder that destroys its own node, fails its call", async () => {
    const cluster = new Cluster();
    const caller = await cluster.start("1.1.1");
    await cluster.start("1.1.2", {}, (node) => node.handle(echo, (note) => note));
    await cluster.run(caller.invoke("1.1.2", echo, textNote("")));
    const input = {
      data: new Uint8Array(0),
      get text(): string {
        caller.destroy();
        return "x";
      },
    };
    assert.equal((await failureOf(caller.invoke("1.1.2", echo, input))).execution, "notRun");
    await cluster.close();
  });
});
