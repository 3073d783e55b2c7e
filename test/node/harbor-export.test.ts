/** What other groups see of a node, and what they reach, while it changes. */
import assert from "node:assert/strict";
import { parseAnyAddress } from "../../src/addr/logical-address.js";
import type { Discovery } from "../../src/discovery/discovery.js";
import { memory } from "../../src/discovery/memory.js";
import { InvalidOptionsError, StartError } from "../../src/errors.js";
import { createNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import { byType } from "../../src/rpc/picker.js";
import { Cluster, hostOf } from "../support/cluster.js";
import { echo, textNote } from "../support/note.js";

async function scene(harbor: Partial<NodeOptions> = {}) {
  const cluster = new Cluster();
  await cluster.start("1.255.1", { harbors: cluster.discovery, ...harbor });
  await cluster.start("2.255.1", { harbors: cluster.discovery, ...harbor });
  const target = await cluster.start("2.1.1", {}, (node) => node.handle(echo, (note) => note));
  const caller = await cluster.start("1.2.1", {}, (node) => node.handle(echo, (note) => note));
  return { cluster, target, caller };
}

suite("export", () => {
  test("switched while running, is seen by the other group at once, in both directions", async () => {
    const { cluster, target, caller } = await scene();
    assert.equal(caller.pick(1), undefined);
    await cluster.run(target.update({ export: true }));
    await cluster.clock.advance(10);
    assert.equal(caller.pick(1), target.address);
    assert.equal((await cluster.run(caller.invoke(byType(1), echo, textNote("picked")))).text, "picked");
    await cluster.run(target.update({ export: false }));
    await cluster.clock.advance(10);
    assert.equal(caller.pick(1), undefined);
    assert.match(
      (await cluster.fails(caller.invoke(byType(1), echo, textNote("")))).message,
      /known in other groups but not exported: 2\.1\.1/,
    );
    await cluster.close();
  });

  test("that is not enforced, hides a node from those who look, and not from those who know", async () => {
    const { cluster, caller } = await scene();
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("known")))).text, "known");
    await cluster.close();
  });

  test("enforced by the harbor, lets other groups reach exported nodes only, as of now, and lets all answer", async () => {
    const { cluster, target, caller } = await scene({ export: "enforced" });
    const error = await cluster.fails(caller.invoke("2.1.1", echo, textNote("")), 200);
    assert.deepEqual([error.code, error.execution, error.path], ["PERMISSION_DENIED", "notRun", ["1.255.1", "2.255.1"]]);
    await cluster.run(target.update({ export: true }));
    await cluster.clock.advance(10);
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("now")))).text, "now");
    await cluster.run(target.update({ export: false }));
    await cluster.clock.advance(10);
    assert.equal((await cluster.fails(caller.invoke("2.1.1", echo, textNote("")), 200)).code, "PERMISSION_DENIED");
    // What it asks itself is answered, by an exported node.
    await cluster.run(caller.update({ export: true }));
    await cluster.clock.advance(10);
    assert.equal((await cluster.run(target.invoke("1.2.1", echo, textNote("back")))).text, "back");
    await cluster.close();
  });
});

suite("a harbor", () => {
  const discovery = memory();
  const wrong: readonly (readonly [what: string, options: Partial<NodeOptions> & Pick<NodeOptions, "address">, fault: RegExp])[] = [
    ["without harbors", { address: "1.255.1" }, /harbors: an address of type 255 is that of a harbor/],
    [
      "with a secret of its group among those of harbors",
      { address: "1.255.1", harbors: discovery, secrets: ["x".repeat(32)], harborSecrets: ["x".repeat(32)] },
      /harborSecrets: one of them is in secrets too/,
    ],
    ["that is none, with harbors", { address: "1.1.1", harbors: discovery }, /harbors: is for harbors, whose addresses have type 255/],
    ["that is none, with secrets of harbors", { address: "1.1.1", harborSecrets: ["x".repeat(32)] }, /harborSecrets: is for harbors/],
    ["that is none, with limits of harbors", { address: "1.1.1", harbor: { maxPairs: 5 } }, /harbor: is for harbors/],
    ["that is none, and enforces export", { address: "1.1.1", export: "enforced" }, /export "enforced": is for harbors/],
    ["with a limit that is none", { address: "1.255.1", harbors: discovery, harbor: { maxPair: 5 } as never }, /did you mean "maxPairs"/],
    [
      "with an export that is none",
      { address: "1.255.1", harbors: discovery, export: "maybe" as never },
      /expected true, false or "enforced"/,
    ],
  ];
  for (const [what, options, fault] of wrong) {
    test(`${what}, is refused before anything starts`, () => {
      assert.throws(
        () => createNode({ discovery, ...options }),
        (error) => error instanceof InvalidOptionsError && fault.test(error.message),
      );
    });
  }

  test("sits in two discoveries, registered in both, and leaves both", async () => {
    const cluster = new Cluster();
    const [groupTwo, harbors] = [memory(), memory()];
    const one = await cluster.start("1.255.1", { harbors });
    const two = await cluster.start("2.255.1", { discovery: groupTwo, harbors });
    await cluster.start("2.1.1", { discovery: groupTwo }, (node) => node.handle(echo, (note) => note));
    const caller = await cluster.start("1.2.1");
    assert.equal(harbors.list().length, 2);
    assert.equal((await cluster.run(caller.invoke("2.1.1", echo, textNote("apart")))).text, "apart");
    assert.deepEqual([caller.member("2.1.1"), caller.member("2.255.1")], [undefined, undefined]);
    await cluster.run(Promise.all([one.close(), two.close()]));
    assert.deepEqual([harbors.list().length, groupTwo.list().length, cluster.discovery.list().length], [0, 1, 1]);
    await cluster.close();
  });

  test("that finds itself in the discovery of the harbors already, by another way to the same store, registers once", async () => {
    const cluster = new Cluster();
    const sameStore: Discovery = {
      watch: (signal) => cluster.discovery.watch(signal),
      register: (self, signal) => cluster.discovery.register(self, signal),
    };
    const harbor = await cluster.start("1.255.1", { harbors: sameStore });
    await cluster.clock.advance(5_000);
    assert.equal(harbor.member("1.255.1")!.incarnation, harbor.status().incarnation);
    assert.deepEqual(
      cluster.log.filter(({ level }) => level === "warn"),
      [],
    );
    await cluster.close();
    assert.equal(cluster.discovery.list().length, 0);
  });

  test("with the number of its registration in the one, by chance that of an old entry in the other, registers in both", async () => {
    const cluster = new Cluster();
    await cluster.start("1.1.1");
    const harbors = memory();
    harbors.put({ address: parseAnyAddress("1.255.1"), endpoint: `${hostOf("1.255.1")}:8000`, incarnation: 2n });
    const harbor = await cluster.start("1.255.1", { harbors });
    assert.equal(harbor.status().incarnation, 2n);
    assert.equal(harbors.list()[0]!.incarnation, 1n, "the token of an entry of its own");
    await cluster.close();
    assert.equal(harbors.list().length, 0);
  });

  test("whose harbors' discovery says nothing, does not start, and says so", async () => {
    const cluster = new Cluster();
    const silent = {
      async *watch(signal: { addEventListener(type: "abort", run: () => void): void }) {
        await new Promise<void>((resolve) => signal.addEventListener("abort", resolve));
      },
    };
    const node = cluster.make("1.255.1", { harbors: silent as never });
    await assert.rejects(
      cluster.run(node.start({ timeoutMs: 500 })),
      (error) => error instanceof StartError && /did not start: harbors: no snapshot from discovery/.test(error.message),
    );
    assert.equal(cluster.discovery.list().length, 0);
    await cluster.close();
  });

  test("is called itself, from its own group and from another one", async () => {
    const cluster = new Cluster();
    for (const address of ["1.255.1", "2.255.1"])
      await cluster.start(address, { harbors: cluster.discovery }, (node) => node.handle(echo, (note) => note));
    const caller = await cluster.start("1.2.1", {}, (node) => node.handle(echo, (note) => note));
    for (const address of ["1.255.1", "2.255.1"] as const)
      assert.equal((await cluster.run(caller.invoke(address, echo, textNote(address)))).text, address);
    assert.equal((await cluster.run(cluster.nodes[1]!.invoke("1.2.1", echo, textNote("down")))).text, "down");
    assert.equal((await cluster.run(cluster.nodes[0]!.invoke("2.255.1", echo, textNote("across")))).text, "across");
    await cluster.close();
  });
});
