/** Every failure that harbors bring about, over TCP: what it says, what there is to branch on, how soon. */
import assert from "node:assert/strict";
import type { AddressText } from "../../src/addr/logical-address.js";
import type { ClusterNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { type ExpectedFailure, expectFailure } from "../support/expect-failure.js";
import { LoopbackNodes } from "../support/loopback-nodes.js";
import { freePort, rawServer } from "../support/raw-server.js";
import { textMethod } from "../support/text-method.js";
import { until } from "../support/until.js";

const echo = textMethod("test.Echo/echo");
const hang = textMethod("test.Echo/hang");

/** A failed call from 1.2.1 to 2.1.1, unless said otherwise. */
function failure(rest: Partial<ExpectedFailure> & Pick<ExpectedFailure, "code" | "execution" | "reason">): ExpectedFailure {
  return { method: "test.Echo/echo", from: "1.2.1", peer: "2.1.1", ...rest };
}

suite("failures of calls to other groups", () => {
  let nodes: LoopbackNodes;

  setup(() => {
    nodes = new LoopbackNodes();
  });

  teardown(() => nodes[Symbol.asyncDispose]());

  const harbor = (address: AddressText, options: Partial<NodeOptions> = {}): Promise<ClusterNode> =>
    nodes.start(address, { harbors: nodes.discovery, ...options });

  /** 1.2.1 and a harbor for each group. */
  const both = async (options: Partial<NodeOptions> = {}): Promise<ClusterNode> => {
    await harbor("1.255.1", options);
    await harbor("2.255.1", options);
    const caller = await nodes.start("1.2.1");
    for (const address of ["1.255.1", "2.255.1"] as const) await nodes.known(address);
    return caller;
  };

  test("its group's discovery does not know the target, says so", async () => {
    const caller = await both();
    const error = await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "harbor 2.255.1: the discovery of its group does not know it; is the address right, and the node up?",
      }),
    );
    assert.deepEqual(error.path, ["1.255.1", "2.255.1"]);
  });

  test("no harbor of its group is known, is said by the harbor, and by a harbor that calls itself", async () => {
    const near = await harbor("1.255.1");
    const caller = await nodes.start("1.2.1");
    await nodes.known("1.255.1");
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "harbor 1.255.1: no harbor of group 2 is known; is one up, and in the discovery of the harbors?",
      }),
    );
    await expectFailure(
      near.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        from: "1.255.1",
        reason: "no harbor of group 2 is known; is one up, and in the discovery of the harbors?",
      }),
    );
  });

  test("nobody listens at its endpoint, is said at the first dial", async () => {
    const caller = await both();
    await nodes.put("2.1.1", `127.0.0.1:${await freePort()}`);
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "harbor 2.255.1: dial <endpoint>: connection refused; is the node up and advertised correctly?",
      }),
    );
  });

  test("a harbor at whose endpoint nobody listens, is dialed as any peer, then told with its name", async () => {
    const caller = await nodes.start("1.2.1", { link: { reachTimeoutMs: 200, backoffMs: 20 } });
    await nodes.put("1.255.1", `127.0.0.1:${await freePort()}`);
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "harbor 1.255.1: dial <endpoint>: connection refused, <n> attempts in <s> s; is the node up and advertised correctly?",
        cause: "Error",
      }),
    );
  });

  test("a target that closes, is told", async () => {
    const caller = await both();
    const target = await nodes.start("2.1.1", {}, (node) => node.handle(hang, () => new Promise(() => {})));
    await nodes.known("2.1.1");
    const held = caller.invoke("2.1.1", hang, {}, { timeoutMs: 5_000 }).catch(() => {});
    await until(() => target.status().handlersRunning === 1);
    const closed = target.close({ timeoutMs: 500 });
    await until(() => nodes.discovery.list().some(({ address, available }) => address === target.address && available === false));
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason: "harbor 2.255.1: it is shutting down: 2.1.1 is closing; call another node, or this one again when it is back",
      }),
    );
    await Promise.all([closed, held]);
  });

  test("the link behind the harbor is lost, is unknown; nothing comes in time, too", async () => {
    const caller = await both();
    const target = await nodes.start("2.1.1", {}, (node) => node.handle(hang, () => new Promise(() => {})));
    await nodes.known("2.1.1");
    const calls = [1, 2].map(() => caller.invoke("2.1.1", hang, {}, { timeoutMs: 5_000 }));
    for (const call of calls) call.catch(() => {});
    await expectFailure(
      caller.invoke("2.1.1", hang, {}, { timeoutMs: 200 }),
      failure({
        method: "test.Echo/hang",
        code: "DEADLINE_EXCEEDED",
        execution: "unknown",
        reason: "harbor 1.255.1: connected to <endpoint>; no reply in time; it may have run: is the handler slow, or timeoutMs too short?",
      }),
    );
    target.destroy("killed");
    for (const call of calls) {
      const error = await expectFailure(
        call,
        failure({
          method: "test.Echo/hang",
          code: "UNAVAILABLE",
          execution: "unknown",
          reason: "harbor 2.255.1 lost its link to 2.1.1; it may have run: call again only if that is harmless",
        }),
      );
      assert.deepEqual(error.path, ["1.255.1", "2.255.1"]);
    }
  });

  test("a target that is not exported, where the harbor enforces it, is told", async () => {
    const caller = await both({ export: "enforced" });
    await nodes.start("2.1.1");
    await nodes.known("2.1.1");
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "PERMISSION_DENIED",
        execution: "notRun",
        reason:
          "harbor 2.255.1: it is not exported, and this harbor lets other groups reach exported nodes only; start it with export: true",
      }),
    );
  });

  test("a target that takes the connection and says nothing: queues fill up, or deadlines pass, and both are told", async () => {
    const caller = await both({ link: { maxPendingMessages: 1, reachTimeoutMs: 1_500, handshakeTimeoutMs: 1_500 } });
    await using silent = await rawServer(() => {});
    await nodes.put("2.1.1", silent.endpoint);
    const first = caller.invoke("2.1.1", echo, {}, { timeoutMs: 5_000 });
    first.catch(() => {});
    await until(() => silent.connections === 1);
    await expectFailure(
      caller.invoke("2.1.1", echo, {}),
      failure({
        code: "RESOURCE_EXHAUSTED",
        execution: "notRun",
        reason: "harbor 2.255.1: the queue for the link to 2.1.1 is full; await calls and sends, or raise link.maxPendingMessages there",
      }),
    );
    await expectFailure(
      first,
      failure({
        code: "UNAVAILABLE",
        execution: "notRun",
        reason:
          "harbor 2.255.1: dial <endpoint>: the port takes the connection, but no answer to the opening came within <ms> ms; is the node up and advertised correctly?",
        withinMs: 4_000,
      }),
    );
  });

  test("more pairs than the harbor remembers, all of them waiting, are refused", async () => {
    const caller = await both({ harbor: { maxPairs: 1 } });
    const target = await nodes.start("2.1.1", {}, (node) => node.handle(hang, () => new Promise(() => {})));
    await nodes.known("2.1.1");
    const held = caller.invoke("2.1.1", hang, {}, { timeoutMs: 5_000 }).catch(() => {});
    await until(() => target.status().handlersRunning === 1);
    await expectFailure(
      caller.invoke("2.1.2", echo, {}),
      failure({
        peer: "2.1.2",
        code: "RESOURCE_EXHAUSTED",
        execution: "notRun",
        reason: "harbor 1.255.1: it relays for 1 pairs of nodes; start another harbor, or raise harbor.maxPairs there",
      }),
    );
    target.destroy("enough");
    await held;
  });
});
