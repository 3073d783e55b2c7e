/** What every store of keys and values must do. */
import assert from "node:assert/strict";
import type { KeyValue, KeyValueEntry, KeyValueEvent } from "../../discovery/key-value.js";
import type { AddCheck } from "./contract.js";
import type { Scene } from "./scene.js";

export function addKeyValueChecks(check: AddCheck, keyValue: () => KeyValue): void {
  check("a key that nobody has set, is undefined, and cannot be deleted", async () => {
    assert.equal(await keyValue().get("a"), undefined);
    assert.equal(await keyValue().delete("a"), false);
  });

  check("a key that is set, changed and deleted, shows each time; its revision grows", async () => {
    const store = keyValue();
    const first = await store.set("rates/gold", "1.5");
    assert.deepEqual(plain(await store.get("rates/gold")), { key: "rates/gold", value: "1.5", revision: first });
    const second = await store.set("rates/gold", "ü\n\u{1f600}");
    assert.ok(second > first, `revision ${second} came after ${first}`);
    assert.deepEqual(plain(await store.get("rates/gold")), { key: "rates/gold", value: "ü\n\u{1f600}", revision: second });
    assert.equal(await store.delete("rates/gold"), true);
    assert.equal(await store.get("rates/gold"), undefined);
    assert.ok((await store.set("rates/gold", "2")) > second, "a key that comes back does not repeat a revision");
  });

  check("an empty value, is a value", async () => {
    await keyValue().set("empty", "");
    assert.equal((await keyValue().get("empty"))?.value, "");
  });

  check("a write that names another revision, fails with ABORTED and changes nothing", async () => {
    const store = keyValue();
    const first = await store.set("a", "1", { ifRevision: 0n });
    await rejectsAborted(store.set("a", "2", { ifRevision: 0n }));
    const second = await store.set("a", "2", { ifRevision: first });
    await rejectsAborted(store.set("a", "3", { ifRevision: first }));
    await rejectsAborted(store.delete("a", { ifRevision: first }));
    assert.equal((await store.get("a"))?.value, "2");
    assert.equal(await store.delete("a", { ifRevision: second }), true);
    await rejectsAborted(store.set("a", "3", { ifRevision: second }));
  });

  check("ten writers that count up one key by its revision, lose no count", async (scene) => {
    const store = keyValue();
    await store.set("count", "0");
    const countUp = async (): Promise<void> => {
      for (;;) {
        const entry = await store.get("count");
        assert.ok(entry !== undefined);
        try {
          await store.set("count", String(Number(entry.value) + 1), { ifRevision: entry.revision });
          return;
        } catch (error) {
          assert.equal((error as { code?: unknown }).code, "ABORTED");
        }
      }
    };
    await scene.within("ten counts", () => Promise.all(Array.from({ length: 10 }, countUp)));
    assert.equal((await store.get("count"))?.value, "10");
  });

  check("a list by prefix, has the keys below it in order and no others", async () => {
    const store = keyValue();
    for (const key of ["b/2", "b/10", "b", "c", "a/b/"]) await store.set(key, key);
    assert.deepEqual(keysOf(await store.list("b/")), ["b/10", "b/2"]);
    assert.deepEqual(keysOf(await store.list("")), ["a/b/", "b", "b/10", "b/2", "c"]);
    assert.deepEqual(await store.list("nothing"), []);
  });

  check("a watch by prefix, begins with a snapshot, then reports what changes below the prefix", async (scene) => {
    const store = keyValue();
    await store.set("a/1", "before");
    await using view = new KeyView(scene, store, "a/");
    await view.until("the snapshot", () => view.events.length > 0);
    assert.equal(view.events[0]?.type, "snapshot");
    assert.deepEqual(view.values(), { "a/1": "before" });
    await store.set("b/1", "of no interest");
    await store.set("a/2", "new");
    await view.until("the new key", () => view.values()["a/2"] === "new");
    await store.set("a/1", "after");
    await view.until("the change", () => view.values()["a/1"] === "after");
    await store.delete("a/2");
    await view.until("the removal", () => !("a/2" in view.values()));
    assert.deepEqual(view.values(), { "a/1": "after" });
  });

  check("a watch below which there is nothing, begins with an empty snapshot", async (scene) => {
    await using view = new KeyView(scene, keyValue(), "nothing/");
    await view.until("the snapshot", () => view.events.length > 0);
    assert.deepEqual(view.events[0], { type: "snapshot", entries: [] });
  });
}

async function rejectsAborted(write: Promise<unknown>): Promise<void> {
  await assert.rejects(write, (error: { code?: unknown }) => error.code === "ABORTED");
}

function plain(entry: KeyValueEntry | undefined): object | undefined {
  return entry && { key: entry.key, value: entry.value, revision: entry.revision };
}

function keysOf(entries: readonly KeyValueEntry[]): string[] {
  return entries.map(({ key }) => key);
}

/** Applies what a watch reports, naively. */
class KeyView implements AsyncDisposable {
  readonly events: KeyValueEvent[] = [];
  readonly #scene: Scene;
  readonly #abort = new AbortController();
  readonly #reading: Promise<void>;
  #values = new Map<string, string>();
  #failure: unknown;
  #wake: () => void = () => {};

  constructor(scene: Scene, store: KeyValue, prefix: string) {
    this.#scene = scene;
    this.#reading = this.#read(store.watch(prefix, this.#abort.signal)).catch((error: unknown) => {
      this.#failure = error;
      this.#wake();
    });
  }

  values(): Record<string, string> {
    return Object.fromEntries(this.#values);
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    await this.#scene.within(what, async () => {
      while (!holds()) {
        if (this.#failure !== undefined) throw this.#failure;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#scene.within("the watch to end after its signal was aborted", () => this.#reading);
  }

  async #read(events: AsyncIterable<KeyValueEvent>): Promise<void> {
    for await (const event of events) {
      assert.ok(!this.#abort.signal.aborted, "an event came after the signal was aborted");
      if (event.type === "snapshot") this.#values = new Map(event.entries.map(({ key, value }) => [key, value]));
      else {
        assert.ok(this.events.length > 0, "the first event is a snapshot");
        for (const key of event.removed) this.#values.delete(key);
        for (const { key, value } of event.put) this.#values.set(key, value);
      }
      this.events.push(event);
      this.#wake();
    }
    assert.ok(this.#abort.signal.aborted, "the watch ended although its signal was not aborted");
  }
}
