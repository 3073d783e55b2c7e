/**
 * What every discovery adapter must do, as checks that any test runner can run:
 * `for (const { name, run } of discoveryContract(hooks)) test(name, run);`
 */
import assert from "node:assert/strict";
import { formatAddress, type LogicalAddress, makeAddress } from "../../src/addr/logical-address.js";
import type { Discovery, DiscoveryEvent, Member, Registration } from "../../src/discovery/discovery.js";

/** How the checks reach the store behind the adapter. */
export interface DiscoveryContractHooks {
  /** An adapter on a store without members. Called once per check; the other hooks mean the store of the last call. */
  create(): Discovery | Promise<Discovery>;
  /** Adds or replaces a member in the store, not through the adapter. */
  put(member: Member): Promise<void>;
  remove(address: LogicalAddress): Promise<void>;
  /** Makes the store lose a registered entry, as when its lease ends. Without it the checks of `lost` are left out. */
  lose?(address: LogicalAddress): Promise<void>;
  /** Makes the store lose everything. Without it the check of `storeEpoch` is left out. */
  wipe?(): Promise<void>;
  /** Called after each check, passed or failed. */
  destroy?(): Promise<void>;
  /** Whether the adapter has `register`: the checks of it are left out otherwise. */
  registers: boolean;
  /** Milliseconds in which a change must show. Default `5_000`. */
  timeoutMs?: number;
}

export interface ContractCheck {
  readonly name: string;
  run(): Promise<void>;
}

const one = makeAddress(1, 1, 1);
const two = makeAddress(1, 1, 2);
const memberOne: Member = { address: one, endpoint: "10.0.0.1:8011" };
const memberTwo: Member = { address: two, endpoint: "10.0.0.2:8011" };

/** The checks. Each is independent of the others and needs no clock but the real one. */
export function discoveryContract(hooks: DiscoveryContractHooks): ContractCheck[] {
  const checks: ContractCheck[] = [];
  const check = (name: string, body: (scene: Scene) => Promise<void>): void => {
    checks.push({
      name,
      run: async () => {
        const scene = new Scene(hooks, await hooks.create());
        try {
          await body(scene);
        } finally {
          await scene.end();
          await hooks.destroy?.();
        }
      },
    });
  };

  check("an empty store, the first event is an empty snapshot", async (scene) => {
    const view = scene.watch();
    const first = await view.nextEvent();
    assert.equal(first.type, "snapshot");
    assert.deepEqual([...view.members.keys()], []);
  });

  check("members that were there before, are all in the first snapshot, with every field", async (scene) => {
    const full: Member = { ...memberTwo, export: true, available: false, metadata: { zone: "a", "": "ü" }, version: "1.2.3" };
    await hooks.put(memberOne);
    await hooks.put(full);
    const view = scene.watch();
    await view.until("both members", () => view.members.size === 2);
    assert.equal(view.events[0]?.type, "snapshot");
    assert.deepEqual(fieldsOf(view.members.get(two)), fieldsOf(full));
    assert.deepEqual(fieldsOf(view.members.get(one)), fieldsOf(memberOne));
  });

  check("a member that is added, changed and removed, shows each time", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    await hooks.put(memberOne);
    await view.until("the member", () => view.members.has(one));
    await hooks.put({ ...memberOne, endpoint: "10.0.0.9:8011", available: false });
    await view.until("its new endpoint", () => view.members.get(one)?.endpoint === "10.0.0.9:8011");
    assert.equal(view.members.get(one)?.available, false);
    await hooks.remove(one);
    await view.until("its removal", () => !view.members.has(one));
  });

  check("a member that was removed, is not brought back by later changes of others", async (scene) => {
    await hooks.put(memberOne);
    const view = scene.watch();
    await view.until("the member", () => view.members.has(one));
    await hooks.remove(one);
    await hooks.put(memberTwo);
    await view.until("the other one", () => view.members.has(two) && !view.members.has(one));
    await hooks.put({ ...memberTwo, version: "2" });
    await view.until("its new version", () => view.members.get(two)?.version === "2");
    assert.equal(view.members.has(one), false);
  });

  check("a member that comes back after its removal, shows", async (scene) => {
    const view = scene.watch();
    for (const endpoint of ["10.0.0.1:1", "10.0.0.1:2"]) {
      await hooks.put({ address: one, endpoint });
      await view.until(`the member at ${endpoint}`, () => view.members.get(one)?.endpoint === endpoint);
      await hooks.remove(one);
      await view.until("its removal", () => !view.members.has(one));
    }
  });

  check("a burst of changes, ends in the state of the store", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    for (let id = 0; id < 40; id++) await hooks.put({ address: makeAddress(1, 1, id), endpoint: `10.0.0.1:${1000 + id}` });
    for (let id = 0; id < 40; id += 2) await hooks.remove(makeAddress(1, 1, id));
    await view.until(
      "the odd ones alone",
      () => view.members.size === 20 && [...view.members.keys()].every((address) => address % 2 === 1),
    );
  });

  check("two watches, see the same", async (scene) => {
    const first = scene.watch();
    const second = scene.watch();
    await hooks.put(memberOne);
    for (const view of [first, second]) await view.until("the member", () => view.members.has(one));
  });

  check("a watch that begins again, gets everything anew", async (scene) => {
    await hooks.put(memberOne);
    const first = scene.watch();
    await first.until("the member", () => first.members.has(one));
    await first.end();
    const second = scene.watch();
    await second.until("the member", () => second.members.has(one));
    assert.equal(second.events[0]?.type, "snapshot");
  });

  check("an aborted signal, ends a watch that waits and reports nothing after it", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    await view.end();
    const before = view.events.length;
    await hooks.put(memberOne);
    const later = scene.watch();
    await later.until("the member", () => later.members.has(one));
    assert.equal(view.events.length, before);
  });

  check("a signal that is aborted already, ends the watch at once", async (scene) => {
    const view = scene.watch(AbortSignal.abort());
    await view.end();
  });

  check("a reader that leaves its loop, ends its watch and no other", async (scene) => {
    const abort = new AbortController();
    const stays = scene.watch();
    await scene.within("leaving the loop", async () => {
      for await (const _ of scene.discovery.watch(abort.signal)) break;
    });
    await hooks.put(memberOne);
    await stays.until("the member", () => stays.members.has(one));
    abort.abort();
  });

  check("revisions, never go back within one epoch", async (scene) => {
    const view = scene.watch();
    await view.nextEvent();
    for (const version of ["1", "2", "3"]) {
      await hooks.put({ ...memberOne, version });
      await view.until(`version ${version}`, () => view.members.get(one)?.version === version);
    }
    let last: bigint | undefined;
    for (const { revision } of view.events) {
      if (revision !== undefined && last !== undefined) assert.ok(revision >= last, `revision ${revision} came after ${last}`);
      last = revision ?? last;
    }
  });

  if (hooks.wipe !== undefined) {
    const wipe = hooks.wipe.bind(hooks);
    check("a store that lost its data, reports a snapshot of another epoch", async (scene) => {
      await hooks.put(memberOne);
      const view = scene.watch();
      await view.until("the member", () => view.members.has(one));
      const before = view.storeEpoch;
      await wipe();
      await view.until("the empty snapshot", () => view.members.size === 0);
      assert.notEqual(view.storeEpoch, undefined);
      assert.notEqual(view.storeEpoch, before);
    });
  }

  if (hooks.registers) addRegistrationChecks(check, hooks);
  return checks;
}

function addRegistrationChecks(check: (name: string, body: (scene: Scene) => Promise<void>) => void, hooks: DiscoveryContractHooks): void {
  check("a node that registers, shows with what it announced; its token is its incarnation", async (scene) => {
    const self: Member = { ...memberOne, export: true, metadata: { zone: "a" }, version: "1.2.3", load: 5 };
    const view = scene.watch();
    const entry = await scene.register(self);
    await view.until("the node", () => view.members.has(one));
    const shown = view.members.get(one);
    assert.deepEqual(fieldsOf(shown), fieldsOf(self));
    assert.equal(shown?.load, 5);
    if (entry.fencingToken !== undefined) assert.equal(shown?.incarnation, entry.fencingToken);
  });

  check("an update, shows and changes nothing else", async (scene) => {
    const view = scene.watch();
    const entry = await scene.register({ ...memberOne, metadata: { zone: "a" }, version: "1.2.3" });
    await entry.update({ available: false });
    await view.until("unavailable", () => view.members.get(one)?.available === false);
    await entry.update({ load: 7 });
    await view.until("its load", () => view.members.get(one)?.load === 7);
    const expected: Member = { ...memberOne, available: false, metadata: { zone: "a" }, version: "1.2.3" };
    assert.deepEqual(fieldsOf(view.members.get(one)), fieldsOf(expected));
  });

  check("a registration that is disposed, takes its entry away, and a second time harms nothing", async (scene) => {
    const view = scene.watch();
    const entry = await scene.register(memberOne);
    await view.until("the node", () => view.members.has(one));
    await scene.within("disposing", () => entry[Symbol.asyncDispose]());
    await view.until("its removal", () => !view.members.has(one));
    await scene.within("disposing again", () => entry[Symbol.asyncDispose]());
  });

  check("a node that registers again, gets a higher token", async (scene) => {
    const first = await scene.register(memberOne);
    await scene.within("disposing", () => first[Symbol.asyncDispose]());
    const second = await scene.register(memberOne);
    if (first.fencingToken === undefined || second.fencingToken === undefined) {
      assert.equal(first.fencingToken, second.fencingToken);
    } else {
      assert.ok(second.fencingToken > first.fencingToken, `token ${second.fencingToken} came after ${first.fencingToken}`);
    }
  });

  check("an address that is registered anew, is lost for the old holder, which cannot take the new entry away", async (scene) => {
    const view = scene.watch();
    const old = await scene.register(memberOne);
    const taker = await scene.register({ ...memberOne, endpoint: "10.0.0.9:8011" });
    assert.ok((await scene.within("the old holder to be told", () => old.lost)) instanceof Error);
    await scene.within("disposing the old entry", () => disposeLost(old));
    await taker.update({ load: 1 });
    await view.until("the new holder", () => view.members.get(one)?.load === 1);
    assert.equal(view.members.get(one)?.endpoint, "10.0.0.9:8011");
  });

  check("a registration whose signal is aborted already, fails and leaves no entry", async (scene) => {
    await assert.rejects(
      scene.within("the rejection", async () => scene.discovery.register?.(memberOne, AbortSignal.abort())),
      (error: Error) => !error.message.startsWith("waited"),
    );
    await hooks.put(memberTwo);
    const view = scene.watch();
    await view.until("the other member", () => view.members.has(two));
    assert.equal(view.members.has(one), false);
  });

  if (hooks.lose !== undefined) {
    const lose = hooks.lose.bind(hooks);
    check("an entry that the store lost, is told, and can be registered again", async (scene) => {
      const view = scene.watch();
      const entry = await scene.register(memberOne);
      await view.until("the node", () => view.members.has(one));
      await lose(one);
      assert.ok((await scene.within("being told", () => entry.lost)) instanceof Error);
      await scene.register({ ...memberOne, endpoint: "10.0.0.9:8011" });
      await view.until("the node again", () => view.members.get(one)?.endpoint === "10.0.0.9:8011");
    });
  }
}

/** One check's adapter, with everything it opened. */
class Scene {
  readonly discovery: Discovery;
  readonly #timeoutMs: number;
  readonly #views: View[] = [];
  readonly #entries: { readonly entry: Registration; readonly abort: AbortController }[] = [];

  constructor(hooks: DiscoveryContractHooks, discovery: Discovery) {
    this.discovery = discovery;
    this.#timeoutMs = hooks.timeoutMs ?? 5_000;
  }

  watch(signal?: AbortSignal): View {
    const view = new View(this.discovery, this.#timeoutMs, signal);
    this.#views.push(view);
    return view;
  }

  async register(self: Member): Promise<Registration> {
    const abort = new AbortController();
    const entry = await this.within(`registering ${formatAddress(self.address)}`, async () =>
      this.discovery.register?.(self, abort.signal),
    );
    assert.ok(entry !== undefined, "the adapter has register()");
    this.#entries.push({ entry, abort });
    return entry;
  }

  /** The result of `work`, or an error that says what was waited for. */
  within<T>(what: string, work: () => PromiseLike<T>): Promise<T> {
    return inTime(this.#timeoutMs, what, work());
  }

  async end(): Promise<void> {
    for (const { entry, abort } of this.#entries) {
      await this.within("disposing", () => disposeLost(entry));
      abort.abort();
    }
    for (const view of this.#views) await view.end();
  }
}

/** Applies what a watch reports, naively, and fails on what is no proper event. */
class View {
  readonly members = new Map<LogicalAddress, Member>();
  readonly events: DiscoveryEvent[] = [];
  storeEpoch: string | undefined;
  readonly #abort = new AbortController();
  readonly #timeoutMs: number;
  readonly #reading: Promise<void>;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(discovery: Discovery, timeoutMs: number, given?: AbortSignal) {
    const signal = given ?? this.#abort.signal;
    this.#timeoutMs = timeoutMs;
    this.#reading = this.#read(discovery, signal).catch((error: Error) => {
      if (!signal.aborted) this.#failure = error;
      this.#wake();
    });
  }

  async nextEvent(): Promise<DiscoveryEvent> {
    const seen = this.events.length;
    await this.until("an event", () => this.events.length > seen);
    return this.events[seen]!;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const deadlineAt = performance.now() + this.#timeoutMs;
    while (!holds()) {
      if (this.#failure !== undefined) throw this.#failure;
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await inTime(
        deadlineAt - performance.now(),
        `${what}; members: ${[...this.members.keys()].map(formatAddress).join(", ") || "none"}`,
        woken,
      );
    }
  }

  async end(): Promise<void> {
    this.#abort.abort();
    await inTime(this.#timeoutMs, "the watch to end after its signal was aborted", this.#reading);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #read(discovery: Discovery, signal: AbortSignal): Promise<void> {
    for await (const event of discovery.watch(signal)) {
      assert.ok(!signal.aborted, "an event came after the signal was aborted");
      if (event.type === "snapshot") {
        this.members.clear();
        this.storeEpoch = event.storeEpoch;
        for (const member of event.members) this.members.set(member.address, member);
        assert.equal(this.members.size, event.members.length, "no address is twice in a snapshot");
      } else {
        assert.ok(this.events.length > 0, "the first event is a snapshot");
        for (const address of event.removed) this.members.delete(address);
        for (const member of event.put) this.members.set(member.address, member);
      }
      this.events.push(event);
      this.#wake();
    }
    assert.ok(signal.aborted, "the watch ended although its signal was not aborted");
  }
}

/** An entry that is lost may say so when it is disposed, or not. */
async function disposeLost(entry: Registration): Promise<void> {
  try {
    await entry[Symbol.asyncDispose]();
  } catch (error) {
    assert.ok(error instanceof Error, "what disposing throws is an Error");
  }
}

async function inTime<T>(timeoutMs: number, what: string, work: PromiseLike<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What every store keeps of a member, with defaults filled in: absent and default are the same. */
function fieldsOf(member: Member | undefined): object {
  assert.ok(member !== undefined, "the member is there");
  const { address, endpoint, export: exported = false, available = true, metadata = {}, version } = member;
  return { address, endpoint, export: exported, available, metadata: { ...metadata }, version };
}
