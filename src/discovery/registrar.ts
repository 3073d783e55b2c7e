/** Keeps this node's own entry in the store: registers it, again when it is lost, and sends what changed of it. */
import { formatAddress } from "../addr/logical-address.js";
import { RpcError } from "../errors.js";
import type { Clock, Random } from "../internal/clock.js";
import { Deferred } from "../internal/deferred.js";
import { attempt, oneLine, outcomeOf, sleep } from "./abortable.js";
import type { Discovery, Member, MemberPatch, Registration } from "./discovery.js";
import { PendingPatch } from "./pending-patch.js";
import type { Reporter } from "./report.js";
import { retryPauseMs } from "./retry-pause.js";

/** What one call into the adapter may take. */
const ATTEMPT_MS = 10_000;
/** An entry that was lost sooner than this counts as a failure, so that two nodes which take it from each other slow down. */
const STABLE_MS = 10_000;

export interface RegistrarOptions {
  readonly register: NonNullable<Discovery["register"]>;
  readonly self: Member;
  readonly clock: Clock;
  readonly random: Random;
  readonly reporter: Reporter;
  /** Awaited before each attempt to register an entry again that was lost. A rejection counts for nothing. */
  readonly beforeRenewal: () => Promise<void>;
  /** Called with the new fencing token when the entry was lost and is registered again. */
  readonly onRenewed: (fencingToken: bigint | undefined) => void;
}

/** An entry that the store holds. */
interface Entry {
  readonly registration: Registration;
  /** Aborts what the adapter still does for it, heartbeats perhaps. */
  readonly abort: AbortController;
}

export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #stop = new AbortController();
  readonly #first = new Deferred<bigint | undefined>();
  readonly #pending: PendingPatch;
  readonly #name: string;
  #registeredOnce = false;
  #stopTimeoutMs = ATTEMPT_MS;
  #lastProblem = "";
  #running: Promise<void> | undefined;

  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#pending = new PendingPatch(options.self, options.clock);
    this.#name = formatAddress(options.self.address);
  }

  /** Tries until it is registered, {@link stop} is called, or `signal` aborts, which no longer matters once it is registered. */
  async register(signal: AbortSignal | undefined): Promise<bigint | undefined> {
    const onAbort = (): void => void this.stop(ATTEMPT_MS);
    signal?.addEventListener("abort", onAbort);
    try {
      if (signal?.aborted) onAbort();
      this.#running = this.#run();
      return await this.#first.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** See `Members.update`. */
  update(patch: MemberPatch, isReport = false): Promise<void> {
    return this.#pending.add(patch, isReport);
  }

  /** Takes the entry away; what does not answer within `timeoutMs` is left to the store's lease, with a report. */
  async stop(timeoutMs: number): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stopTimeoutMs = timeoutMs;
      this.#stop.abort();
      const because = this.#lastProblem === "" ? "" : `; the last attempt: ${this.#lastProblem}`;
      const error = new RpcError("CANCELLED", `registering ${this.#name} in discovery was given up${because}`, { execution: "notRun" });
      this.#first.reject(error);
      this.#pending.close(error);
    }
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random, reporter } = this.#options;
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      // Before each attempt: one that fails may fail because another process has the address now.
      if (this.#registeredOnce) await outcomeOf(this.#options.beforeRenewal(), this.#stop.signal, { clock, ms: ATTEMPT_MS });
      if (this.#stop.signal.aborted) break;
      const entry = await this.#register();
      if (entry === undefined) {
        await sleep(clock, retryPauseMs(++failures, random), this.#stop.signal);
        continue;
      }
      const since = clock.now();
      const reason = await this.#keep(entry.registration);
      if (this.#stop.signal.aborted) {
        await this.#takeAway(entry.registration, entry.abort);
        return;
      }
      entry.abort.abort();
      failures = clock.now() - since < STABLE_MS ? failures + 1 : 1;
      reporter.warn("registration-lost", `discovery: the entry of ${this.#name} was lost: ${oneLine(reason)}; registering again`, reason);
      await sleep(clock, retryPauseMs(failures, random), this.#stop.signal);
    }
  }

  /** One attempt. */
  async #register(): Promise<Entry | undefined> {
    const { clock, register, reporter } = this.#options;
    const abort = new AbortController();
    const delivery = this.#pending.take();
    const call = attempt(() => register(this.#pending.wanted, abort.signal));
    const outcome = await outcomeOf(call, this.#stop.signal, { clock, ms: ATTEMPT_MS });
    if (outcome.type === "done" && isRegistration(outcome.value)) {
      delivery.delivered();
      reporter.over("registration-failed");
      this.#registered(outcome.value.fencingToken);
      return { registration: outcome.value, abort };
    }
    if (outcome.type === "aborted") {
      delivery.failed("the node was closed");
      await outcomeOf(this.#discard(call, abort), new AbortController().signal, { clock, ms: this.#stopTimeoutMs });
      return undefined;
    }
    const problem = {
      done: "register() gave no registration: update(), lost or [Symbol.asyncDispose]() is missing",
      failed: oneLine(outcome.type === "failed" ? outcome.error : ""),
      timeout: `register() did not settle within ${ATTEMPT_MS} ms`,
    }[outcome.type];
    void this.#discard(call, abort);
    delivery.failed(problem);
    this.#lastProblem = problem;
    const cause = outcome.type === "failed" ? outcome.error : undefined;
    reporter.warn("registration-failed", `discovery: registering ${this.#name} failed: ${problem}; trying again`, cause);
    return undefined;
  }

  #registered(token: bigint | undefined): void {
    const { reporter, onRenewed } = this.#options;
    reporter.info("registered", `discovery: ${this.#name} is registered${token === undefined ? "" : ` with fencing token ${token}`}`);
    reporter.over("registration-lost");
    if (this.#registeredOnce) onRenewed(token);
    this.#registeredOnce = true;
    this.#first.resolve(token);
  }

  /** Sends changes until the entry is lost, for which it returns the reason, or until {@link stop}. */
  async #keep(registration: Registration): Promise<unknown> {
    const { clock, random, reporter } = this.#options;
    const gone = new AbortController();
    const leave = (): void => gone.abort();
    this.#stop.signal.addEventListener("abort", leave);
    if (this.#stop.signal.aborted) leave();
    const lost = attempt(() => registration.lost).catch((reason: unknown) => reason);
    void lost.then(leave);
    let failures = 0;
    while (!gone.signal.aborted) {
      const dueInMs = this.#pending.dueInMs;
      if (dueInMs !== 0) {
        await outcomeOf(this.#pending.changed, gone.signal, dueInMs === undefined ? undefined : { clock, ms: dueInMs });
        continue;
      }
      const delivery = this.#pending.take();
      const outcome = await outcomeOf(
        attempt(() => registration.update(delivery.patch)),
        gone.signal,
        { clock, ms: ATTEMPT_MS },
      );
      if (outcome.type === "done") {
        delivery.delivered();
        reporter.over("update-failed");
        failures = 0;
        continue;
      }
      if (outcome.type === "aborted") {
        delivery.failed("the entry was lost");
        break;
      }
      const problem = outcome.type === "failed" ? oneLine(outcome.error) : `update() did not settle within ${ATTEMPT_MS} ms`;
      delivery.failed(problem);
      const cause = outcome.type === "failed" ? outcome.error : undefined;
      reporter.warn("update-failed", `discovery: updating the entry of ${this.#name} failed: ${problem}; sending it again`, cause);
      await sleep(clock, retryPauseMs(++failures, random), gone.signal);
    }
    this.#stop.signal.removeEventListener("abort", leave);
    return this.#stop.signal.aborted ? undefined : await lost;
  }

  /** Takes an entry out of the store, then stops what the adapter does for it. */
  async #takeAway(registration: Registration, abort: AbortController): Promise<void> {
    const { clock, reporter } = this.#options;
    const disposal = attempt(() => registration[Symbol.asyncDispose]());
    const outcome = await outcomeOf(disposal, new AbortController().signal, { clock, ms: this.#stopTimeoutMs });
    abort.abort();
    if (outcome.type === "done") return;
    const problem = outcome.type === "failed" ? oneLine(outcome.error) : `no answer within ${this.#stopTimeoutMs} ms`;
    const cause = outcome.type === "failed" ? outcome.error : undefined;
    reporter.warn("deregistration-failed", `discovery: the entry of ${this.#name} may stay until its lease ends: ${problem}`, cause);
  }

  /** Ends an attempt that is still under way. One that succeeds all the same would leave an entry that nobody keeps. */
  async #discard(call: Promise<Registration>, abort: AbortController): Promise<void> {
    abort.abort();
    await call.then(
      (late) => (isRegistration(late) ? this.#takeAway(late, abort) : undefined),
      () => undefined, // as it should: it was aborted
    );
  }
}

function isRegistration(value: unknown): value is Registration {
  if (typeof value !== "object" || value === null) return false;
  const { update, lost, [Symbol.asyncDispose]: dispose } = value as Partial<Registration>;
  return typeof update === "function" && typeof dispose === "function" && typeof lost?.then === "function";
}
