import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { ATTEMPT_STAGGER_MS, interleaveFamilies, raceAddresses } from "../../src/transport/address-race.js";
import { systemError } from "../../src/transport/system-error.js";
import { FakeClock } from "../support/fake-clock.js";

/** Attempts that stay pending until the test settles them. */
class HeldAttempts {
  readonly started: string[] = [];
  readonly givenUp: string[] = [];
  readonly #settle = new Map<string, { connected: (result: string) => void; failed: (error: Error) => void }>();

  readonly start = (address: string, connected: (result: string) => void, failed: (error: Error) => void): (() => void) => {
    this.started.push(address);
    this.#settle.set(address, { connected, failed });
    return () => this.givenUp.push(address);
  };

  connect(address: string): void {
    this.#settle.get(address)!.connected(`connected to ${address}`);
  }

  fail(address: string, code: string): void {
    this.#settle.get(address)!.failed(systemError(code, code));
  }
}

suite("address race", () => {
  const target = { host: "game.test", port: 8000 };
  let clock: FakeClock;
  let attempts: HeldAttempts;
  let controller: AbortController;

  setup(() => {
    clock = new FakeClock();
    attempts = new HeldAttempts();
    controller = new AbortController();
  });

  teardown(() => {
    assert.equal(clock.pendingTimers, 0, "a timer was left behind");
    assert.equal(getEventListeners(controller.signal, "abort").length, 0, "a listener was left on the signal");
  });

  const race = (...addresses: string[]) => raceAddresses(target, addresses, attempts.start, clock, controller.signal);

  test("the first address refuses, the second is tried at once", async () => {
    const racing = race("1.1.1.1", "2.2.2.2", "3.3.3.3");
    assert.deepEqual(attempts.started, ["1.1.1.1"]);
    attempts.fail("1.1.1.1", "ECONNREFUSED");
    assert.deepEqual(attempts.started, ["1.1.1.1", "2.2.2.2"]);
    attempts.connect("2.2.2.2");
    assert.equal(await racing, "connected to 2.2.2.2");
    assert.deepEqual(attempts.givenUp, []);
  });

  test("silent addresses, each next one is tried beside them after the stagger, and the winner's rivals are given up", async () => {
    const racing = race("1.1.1.1", "2.2.2.2", "3.3.3.3");
    await clock.advance(ATTEMPT_STAGGER_MS - 1);
    assert.equal(attempts.started.length, 1);
    await clock.advance(1);
    assert.equal(attempts.started.length, 2);
    await clock.advance(ATTEMPT_STAGGER_MS);
    assert.equal(attempts.started.length, 3);
    attempts.connect("3.3.3.3");
    assert.equal(await racing, "connected to 3.3.3.3");
    assert.deepEqual(attempts.givenUp, ["1.1.1.1", "2.2.2.2"]);
  });

  test("an address that answers after seconds, still wins when the others fail", async () => {
    const racing = race("1.1.1.1", "2.2.2.2");
    await clock.advance(ATTEMPT_STAGGER_MS);
    attempts.fail("2.2.2.2", "ECONNREFUSED");
    await clock.advance(5_000);
    assert.deepEqual(attempts.givenUp, []);
    attempts.connect("1.1.1.1");
    assert.equal(await racing, "connected to 1.1.1.1");
  });

  test("all fail, one error lists each address and has the most telling code", async () => {
    const racing = race("::1", "1.1.1.1", "2.2.2.2");
    attempts.fail("::1", "ENETUNREACH");
    attempts.fail("1.1.1.1", "ETIMEDOUT");
    attempts.fail("2.2.2.2", "EHOSTUNREACH");
    await assert.rejects(racing, {
      code: "ETIMEDOUT",
      message: "dial game.test:8000: ::1 ENETUNREACH, 1.1.1.1 ETIMEDOUT, 2.2.2.2 EHOSTUNREACH",
    });
  });

  test("a refusal among failures, is the code", async () => {
    const racing = race("1.1.1.1", "2.2.2.2", "3.3.3.3");
    attempts.fail("1.1.1.1", "ETIMEDOUT");
    attempts.fail("2.2.2.2", "ECONNREFUSED");
    attempts.fail("3.3.3.3", "EHOSTUNREACH");
    await assert.rejects(racing, (error: Error) => {
      assert.equal((error as NodeJS.ErrnoException).code, "ECONNREFUSED");
      assert.equal((error.cause as Error).message, "ECONNREFUSED");
      return true;
    });
  });

  test("the only address is the one that was dialed, the error names it once", async () => {
    const racing = raceAddresses({ host: "1.1.1.1", port: 80 }, ["1.1.1.1"], attempts.start, clock, controller.signal);
    attempts.fail("1.1.1.1", "ECONNREFUSED");
    await assert.rejects(racing, { code: "ECONNREFUSED", message: "dial 1.1.1.1:80: ECONNREFUSED" });
  });

  test("abort, all attempts are given up and none starts any more", async () => {
    const racing = race("1.1.1.1", "2.2.2.2", "3.3.3.3");
    await clock.advance(ATTEMPT_STAGGER_MS);
    const reason = new Error("no longer wanted");
    controller.abort(reason);
    await assert.rejects(racing, reason);
    assert.deepEqual(attempts.givenUp, ["1.1.1.1", "2.2.2.2"]);
    attempts.fail("1.1.1.1", "ECONNRESET");
    await clock.advance(ATTEMPT_STAGGER_MS);
    assert.equal(attempts.started.length, 2);
  });

  test("the winner fails later, no further address is tried", async () => {
    const racing = race("1.1.1.1", "2.2.2.2");
    attempts.connect("1.1.1.1");
    await racing;
    attempts.fail("1.1.1.1", "ECONNRESET");
    assert.deepEqual(attempts.started, ["1.1.1.1"]);
  });

  test("addresses of both families, by turns from the resolver's first on, each once", () => {
    assert.deepEqual(interleaveFamilies(["::1", "::2", "::3", "1.1.1.1", "::1"]), ["::1", "1.1.1.1", "::2", "::3"]);
    assert.deepEqual(interleaveFamilies(["1.1.1.1", "1.1.1.1", "2.2.2.2", "::1"]), ["1.1.1.1", "::1", "2.2.2.2"]);
    assert.deepEqual(interleaveFamilies([]), []);
  });
});
