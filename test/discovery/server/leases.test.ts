import assert from "node:assert/strict";
import { makeAddress } from "../../../src/addr/logical-address.js";
import { Leases } from "../../../src/discovery/server/leases.js";

const one = makeAddress(1, 1, 1);
const two = makeAddress(1, 1, 2);
const LEASE_MS = 10_000;
const TICK_MS = 250;

/** Leases on a clock that goes on in ticks, as the server's does. */
class Time {
  now = 50_000;
  readonly leases = new Leases(LEASE_MS, TICK_MS, this.now);

  pass(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now = Math.min(end, this.now + TICK_MS);
      this.leases.tick(this.now);
    }
  }

  /** Nothing runs, then the next tick comes late. */
  stall(ms: number): void {
    this.now += ms;
    this.leases.tick(this.now);
  }

  expired(): number[] {
    return this.leases.expired(this.now).map(([address]) => address);
  }
}

suite("leases", () => {
  test("not renewed, are over after their time and not before", () => {
    const time = new Time();
    time.leases.begin(one, 1n, time.now);
    time.pass(LEASE_MS - 1);
    assert.deepEqual(time.expired(), []);
    time.pass(1);
    assert.deepEqual(time.expired(), [one]);
  });

  test("renewed by their holder, go on; by somebody else, do not", () => {
    const time = new Time();
    time.leases.begin(one, 1n, time.now);
    time.leases.begin(two, 1n, time.now);
    time.pass(6_000);
    time.leases.renew(one, 1n, time.now);
    time.leases.renew(two, 2n, time.now);
    time.pass(4_000);
    assert.deepEqual(time.expired(), [two]);
    time.pass(6_000);
    assert.deepEqual(time.expired(), [one, two]);
  });

  test("while the server was stopped for a minute, do not run, and begin anew when it goes on", () => {
    const time = new Time();
    time.leases.begin(one, 1n, time.now);
    time.pass(9_900);
    time.stall(60_000);
    assert.deepEqual(time.expired(), []);
    time.pass(LEASE_MS - 1);
    assert.deepEqual(time.expired(), []);
    time.pass(1);
    assert.deepEqual(time.expired(), [one]);
  });

  test("while the server is often busy for a second, are over all the same", () => {
    const time = new Time();
    time.leases.begin(one, 1n, time.now);
    let ticks = 0;
    while (time.expired().length === 0) {
      time.stall(1_000);
      assert.ok(++ticks <= 20, "they never end");
    }
    assert.ok(ticks >= LEASE_MS / 1_000);
  });

  test("renewed in the turn in which the server goes on, before its tick, are whole", () => {
    const time = new Time();
    time.leases.begin(one, 1n, time.now);
    time.pass(5_000);
    time.now += 60_000;
    time.leases.renew(one, 1n, time.now);
    assert.deepEqual(time.expired(), []);
    time.leases.tick(time.now);
    time.pass(LEASE_MS - 1_000);
    assert.deepEqual(time.expired(), []);
  });
});
