import assert from "node:assert/strict";
import { makeAddress } from "../../../src/addr/logical-address.js";
import type { Member } from "../../../src/discovery/discovery.js";
import type { Decision } from "../../../src/discovery/server/commands.js";
import * as commands from "../../../src/discovery/server/commands.js";
import { MAX_KEY_BYTES, MAX_MEMBER_BYTES, MAX_TOKEN, MAX_VALUE_BYTES } from "../../../src/discovery/server/limits.js";
import { Store } from "../../../src/discovery/server/store.js";
import { RpcError } from "../../../src/errors.js";

const address = makeAddress(1, 1, 1);
const self: Member = { address, endpoint: "10.0.0.1:1" };

function emptyStore(): Store {
  return new Store({ epoch: "e", opened: 1, revision: 2n ** 32n, lastToken: 0n, members: [], keys: [] });
}

/** Decides and applies, as the server does. */
function done<T>(store: Store, decision: Decision<T>): T {
  for (const record of decision.records) store.apply(record);
  return decision.result;
}

function register(store: Store, process: bigint, token = 0n, wallClockMs = 1_000_000): bigint {
  const freshToken = commands.freshToken(store, wallClockMs, 0.5);
  return done(store, commands.register(store, { self, process, token, freshToken }));
}

function fails(work: () => unknown, code: string, message: RegExp, appCode = 0): void {
  assert.throws(work, (error) => {
    assert.ok(RpcError.is(error));
    assert.deepEqual([error.code, error.appCode], [code, appCode]);
    assert.match(error.message, message);
    return true;
  });
}

suite("a store that is full of members", () => {
  const metadata = { text: "x".repeat(MAX_MEMBER_BYTES - 200) };
  const put = (store: Store, id: number, more: Partial<Member> = { metadata }): void =>
    done(store, commands.putNode(store, { address: makeAddress(1, 1 + (id >> 12), id & 0xfff), endpoint: "10.0.0.1:1", ...more }));

  test("by their bytes, refuses more and larger ones with an error that names the limit, and takes smaller ones", () => {
    const store = emptyStore();
    const token = register(store, 1n);
    let count = 1;
    const full = /the discovery server is full: members of \d+ bytes are there already, and 67108864 are the limit/;
    fails(
      () => {
        for (; count < 10_000; count++) put(store, count + 1);
      },
      "RESOURCE_EXHAUSTED",
      full,
    );
    assert.ok(store.memberBytes <= 64 * 1024 ** 2 && store.memberBytes > 63 * 1024 ** 2, `${store.memberBytes}`);
    fails(() => commands.update(store, { ...self, metadata }, token), "RESOURCE_EXHAUSTED", full);
    const other = { self: { ...self, address: makeAddress(2, 1, 1), metadata }, process: 3n, token: 0n, freshToken: token + 1n };
    fails(() => commands.register(store, other), "RESOURCE_EXHAUSTED", full);
    put(store, 2, {}); // in place of a larger one
    put(store, count + 1);
    done(store, commands.removeNode(store, makeAddress(1, 1, 3)));
    done(store, commands.register(store, other));
  });

  test("counts no bytes of those that are gone", () => {
    const store = emptyStore();
    for (let id = 1; id < 50; id++) put(store, id);
    for (let id = 1; id < 50; id++) put(store, id, {});
    for (let id = 1; id < 50; id++) done(store, commands.removeNode(store, makeAddress(1, 1, id)));
    assert.equal(store.memberBytes, 0);
  });
});

suite("tokens of registrations", () => {
  test("grow with each process, also when the wall clock goes back", () => {
    const store = emptyStore();
    const first = register(store, 1n);
    const second = register(store, 2n, 0n, 500);
    assert.equal(first >> 22n, 1_000_000n);
    assert.equal(second, first + 1n);
  });

  test("grow beyond those of entries that are gone", () => {
    const store = emptyStore();
    const first = register(store, 1n);
    done(store, commands.deregister(store, address, first));
    assert.ok(register(store, 2n, 0n, 1) > first);
  });

  test("of a process that asks again because the answer was lost, stay, and nothing is written", () => {
    const store = emptyStore();
    const token = register(store, 1n);
    const { revision } = store;
    assert.equal(register(store, 1n), token);
    assert.equal(store.revision, revision);
  });

  test("that a process brings to a store without data, are kept, and the next one is above", () => {
    const store = emptyStore();
    const token = 5_000_000n << 22n;
    assert.equal(register(store, 1n, token), token);
    assert.ok(register(store, 2n) > token);
  });

  test("above what a token can be, are refused: no higher one would be left", () => {
    fails(() => register(emptyStore(), 1n, MAX_TOKEN + 1n), "INVALID_ARGUMENT", /token 9223372036854775808 is above/);
  });

  test("of two processes of an address: the newer one's wins, whoever comes last", () => {
    const store = emptyStore();
    const older = register(store, 1n);
    const newer = register(store, 2n);
    fails(() => register(store, 1n, older), "FAILED_PRECONDITION", /a newer process of 1\.1\.1 is registered/, 2);
    done(store, commands.removeNode(store, address));
    assert.equal(register(store, 1n, older), older); // the newer one is gone
    assert.equal(register(store, 2n, newer), newer); // and back
    fails(() => commands.update(store, self, older), "FAILED_PRECONDITION", /taken over by a newer process/, 1);
  });
});

suite("entries", () => {
  test("that are configured, are not registered over; those that register give way to configured ones", () => {
    const store = emptyStore();
    const token = register(store, 1n);
    done(store, commands.putNode(store, { ...self, load: 7, incarnation: 3n }));
    assert.deepEqual(store.member(address)?.member, self);
    fails(() => commands.update(store, self, token), "FAILED_PRECONDITION", /1\.1\.1 was configured by hand/, 1);
    fails(
      () => register(store, 1n, token),
      "FAILED_PRECONDITION",
      /1\.1\.1 is configured by hand: a node of that address finds itself there/,
    );
  });

  test("whose lease is over, go only while they have the same holder", () => {
    const store = emptyStore();
    const older = register(store, 1n);
    const newer = register(store, 2n);
    assert.deepEqual(done(store, commands.expire(store, [[address, older]])), []);
    assert.deepEqual(done(store, commands.expire(store, [[address, newer]])), [address]);
    assert.equal(store.member(address), undefined);
  });

  test("taken away by somebody else's token, stay", () => {
    const store = emptyStore();
    const token = register(store, 1n);
    done(store, commands.deregister(store, address, token - 1n));
    assert.ok(store.member(address));
  });

  test("that no node could use, or that are too large, are refused", () => {
    const store = emptyStore();
    fails(() => commands.putNode(store, { ...self, endpoint: "nowhere" }), "INVALID_ARGUMENT", /expected host:port/);
    const metadata = { text: "ü".repeat(MAX_MEMBER_BYTES / 2) };
    fails(
      () => commands.putNode(store, { ...self, metadata }),
      "INVALID_ARGUMENT",
      /member 1\.1\.1 has \d+ bytes of texts, more than 16384/,
    );
  });
});

suite("keys", () => {
  test("that are too long, or empty, or have values that are too large, are refused", () => {
    const store = emptyStore();
    fails(() => commands.setKey(store, "", "1", undefined), "INVALID_ARGUMENT", /at least one character/);
    fails(() => commands.setKey(store, "ü".repeat(MAX_KEY_BYTES / 2 + 1), "1", undefined), "INVALID_ARGUMENT", /a key of 514 bytes/);
    fails(() => commands.setKey(store, "a", "x".repeat(MAX_VALUE_BYTES + 1), undefined), "INVALID_ARGUMENT", /a value of 262145 bytes/);
  });

  test("beyond what all of them may take, are refused until there is room", () => {
    const store = emptyStore();
    const value = "x".repeat(MAX_VALUE_BYTES);
    const set = (key: string): void => done(store, commands.setKey(store, key, value, undefined));
    let count = 0;
    assert.throws(() => {
      for (; ; count++) set(`${count}`);
    }, /the discovery server is full: keys and values of \d+ bytes/);
    assert.ok(count > 10);
    set("0"); // in place of one that is there
    done(store, commands.deleteKey(store, "0", undefined));
    set("again");
  });
});
