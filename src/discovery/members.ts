/** The live view of the cluster that a node holds: fed by a discovery, read by everybody else without waiting. */
import { type AddressLike, addressType, formatAddress, type LogicalAddress, toAddress } from "../addr/logical-address.js";
import { InvalidOptionsError, RpcError } from "../errors.js";
import type { Clock, Random, TimerHandle } from "../internal/clock.js";
import { attempt, oneLine } from "./abortable.js";
import { memberFault } from "./checked-event.js";
import type { Discovery, DiscoveryEvent, Member, MemberPatch } from "./discovery.js";
import { Membership, type MembershipChange } from "./membership.js";
import { type Candidate, PickTable, type Policy } from "./pick-table.js";
import { Registrar } from "./registrar.js";
import { type DiscoveryReport, Reporter } from "./report.js";
import { shortageOf } from "./shortage.js";
import { UnreachableNodes } from "./unreachable.js";
import { Waiters, type WaitOptions } from "./waiters.js";
import { WatchLoop } from "./watch-loop.js";

export interface MembersOptions {
  /** The node that looks: what it may see depends on its group and on whether it is a harbor. */
  readonly self: LogicalAddress;
  readonly discovery: Discovery;
  readonly clock: Clock;
  readonly random: Random;
  /** Takes what the owner should hear, a line each. Must not throw. */
  readonly report: (report: DiscoveryReport) => void;
  /**
   * Dials a node that could not be reached, and says by {@link Members.markUnreachable} what came of it. Without it such a node
   * is simply picked again after a while.
   */
  readonly probe?: ((address: LogicalAddress) => void) | undefined;
  /** Milliseconds that absent members stay when the store lost its data. Default `15_000`. */
  readonly graceMs?: number | undefined;
}

export interface WaitForOptions extends WaitOptions {
  /** How many there must be. Default 1. */
  count?: number | undefined;
}

export interface RegisterOptions {
  /** Gives up; without effect once registered. */
  signal?: AbortSignal | undefined;
  /** Called, and awaited, before the entry is registered again after it was lost: whether it should be. */
  beforeRenewal?: (() => Promise<void>) | undefined;
  /** Called with the new fencing token when the store lost the entry and it is registered again. */
  onRenewed?: ((fencingToken: bigint | undefined) => void) | undefined;
}

/** Records of one report that are named when they are bad; the rest is a number. */
const MAX_PROBLEMS = 5;
const CLOSE_TIMEOUT_MS = 3_000;

export class Members implements AsyncDisposable {
  readonly #options: MembersOptions;
  readonly #membership: Membership;
  readonly #table: PickTable;
  readonly #waiters: Waiters;
  readonly #reporter: Reporter;
  readonly #loop: WatchLoop;
  readonly #listeners = new Set<(change: MembershipChange) => void>();
  #registrar: Registrar | undefined;
  readonly #unreachable: UnreachableNodes;
  #graceTimer: TimerHandle | undefined;
  #closing: Promise<void> | undefined;

  /** Does nothing yet; see {@link start}. */
  constructor(options: MembersOptions) {
    const { self, discovery, clock, random, report, graceMs } = options;
    this.#options = options;
    this.#membership = new Membership(graceMs);
    this.#table = new PickTable(self, random);
    this.#waiters = new Waiters(clock);
    this.#unreachable = new UnreachableNodes(clock, (address) => this.#probe(address));
    this.#reporter = new Reporter(clock, report);
    this.#loop = new WatchLoop({ discovery, clock, random, reporter: this.#reporter, onEvent: (event) => this.#take(event) });
  }

  /** Begins to watch, until {@link close}. Failures are reported and tried again; they never end it. */
  start(): void {
    if (this.#closing === undefined) this.#loop.start();
  }

  /**
   * Resolves when the first snapshot has come.
   *
   * @throws {@link RpcError} `DEADLINE_EXCEEDED`, or `CANCELLED` by the signal or by {@link close}.
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    await this.#waiters.wait(
      {
        check: () => (this.#membership.hasSnapshot ? true : undefined),
        missing: (timeoutMs) => `no snapshot from discovery after ${timeoutMs} ms${this.#standingProblem()}`,
      },
      options,
    );
  }

  /** What discovery says about `address`; also of nodes that this one may not discover by type. */
  get(address: LogicalAddress): Member | undefined {
    return this.#membership.get(address);
  }

  /** All known members, those too that {@link tryPick} never gives out. */
  get size(): number {
    return this.#membership.size;
  }

  /** All known members, in no order. A copy. */
  list(): readonly Member[] {
    return [...this.#membership.values()];
  }

  /** Those of `type` that could be picked now, in order of address. A frozen copy. */
  candidates(type: number): readonly Candidate[] {
    return this.#table.members(type);
  }

  /**
   * A node of `type` that is visible, available and not draining; `undefined` when there is none.
   *
   * @param policy - see {@link Policy}; default `"random"`.
   * @throws {@link InvalidOptionsError} for a type outside 1-255, an unknown policy, or a function that returns something
   *   that it was not offered.
   */
  tryPick(type: number, policy: Policy = "random", not?: LogicalAddress): LogicalAddress | undefined {
    this.#unreachable.picked(type);
    return this.#table.pick(type, policy, not);
  }

  /** Whether there is a node of `type` other than `not` that is worth a try, where the policy leaves a choice. */
  hasElsewhere(type: number, policy: Policy, not: LogicalAddress): boolean {
    return this.#table.hasElsewhere(type, policy, not);
  }

  /**
   * As {@link tryPick}, with an error that says why there is none.
   *
   * @throws {@link RpcError} `UNAVAILABLE` with `execution` `"notRun"`.
   */
  pick(type: number, policy: Policy = "random"): LogicalAddress {
    const address = this.tryPick(type, policy);
    if (address !== undefined) return address;
    throw new RpcError("UNAVAILABLE", this.explainNone(type), { execution: "notRun" });
  }

  /** Whether a node could not be reached lately. Who asks has a choice to make: it counts as a pick of its type. */
  isUnreachable(address: LogicalAddress): boolean {
    if (!this.#unreachable.has(address)) return false;
    this.#unreachable.picked(addressType(address));
    return this.#unreachable.has(address);
  }

  /** Why {@link tryPick} has found nobody of `type`: who is known and does not count. Reads all members: for messages of failures. */
  explainNone(type: number): string {
    const found = this.#table.count(type);
    return found === 0 ? `no node of type ${type}: ${this.#shortage(type)}` : `the policy chose none of ${found} nodes of type ${type}`;
  }

  /** A peer said go-away (`true`) or was seen ready again (`false`). A new incarnation is never taken for draining. */
  markDraining(address: LogicalAddress, draining: boolean): void {
    const member = this.#membership.get(address);
    if (member === undefined) return; // not a candidate anyway
    this.#table.markDraining(member, draining);
    this.#waiters.recheck();
  }

  /** A node could not be reached (`true`): until it was (`false`), or its entry changes, others are picked in its place. */
  markUnreachable(address: LogicalAddress, unreachable: boolean): void {
    if (this.#closing !== undefined) return;
    if (unreachable) this.#unreachable.add(address);
    else if (!this.#unreachable.delete(address)) return;
    this.#table.markUnreachable(address, unreachable);
  }

  /**
   * Resolves with the nodes of `type` that could be picked, once there are `count` of them: no start order is needed.
   *
   * @throws {@link RpcError} with `execution` `"notRun"`: `DEADLINE_EXCEEDED` saying what was found and what was not, or
   *   `CANCELLED` by the signal or by {@link close}. {@link InvalidOptionsError} for a type or count that cannot be.
   */
  async waitFor(type: number, options: WaitForOptions = {}): Promise<readonly Member[]> {
    const { count = 1 } = options;
    if (!Number.isInteger(count) || count < 1) throw new InvalidOptionsError("waitFor", [`count is a whole number from 1, got ${count}`]);
    return await this.#waiters.wait(
      {
        check: () => (this.#table.count(type) < count ? undefined : this.#table.members(type)),
        missing: (timeoutMs) =>
          `${this.#table.count(type)} of ${count} nodes of type ${type} after ${timeoutMs} ms; ${this.#shortage(type)}`,
      },
      options,
    );
  }

  /** Resolves with the member at `address` once discovery knows it, available or not. @throws as {@link waitFor}. */
  async waitForMember(address: AddressLike, options: WaitOptions = {}): Promise<Member> {
    const wanted = toAddress(address);
    return await this.#waiters.wait(
      {
        check: () => this.#membership.get(wanted),
        missing: (timeoutMs) =>
          `${formatAddress(wanted)} is not in discovery after ${timeoutMs} ms; ${this.size} other members are${this.#standingProblem()}`,
      },
      options,
    );
  }

  /** Calls `listener` after each change of any member, visible or not, until the returned function is called. */
  onChange(listener: (change: MembershipChange) => void): () => void {
    const entry = (change: MembershipChange): void => listener(change);
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Whether this discovery registers nodes; if not, they are configured and find themselves with {@link waitForMember}. */
  get registers(): boolean {
    return typeof this.#options.discovery.register === "function";
  }

  /**
   * Registers this node and keeps it registered until {@link close}. Failures are reported and tried again.
   *
   * @returns the fencing token, `undefined` when the store has none.
   * @throws {@link RpcError} `CANCELLED` when the signal aborts or the node is closed first; `FAILED_PRECONDITION` when the
   *   discovery does not register or the node is registered already.
   */
  async register(self: Member, { signal, beforeRenewal, onRenewed }: RegisterOptions = {}): Promise<bigint | undefined> {
    const { discovery, clock, random } = this.#options;
    const { register } = discovery;
    if (this.#closing !== undefined) throw new RpcError("CANCELLED", "the node was closed", { execution: "notRun" });
    if (register === undefined) throw notRegistered("this discovery does not register nodes: they are configured");
    if (this.#registrar !== undefined) throw notRegistered("the node is registered already");
    const fault = memberFault(self);
    if (fault !== undefined) throw new InvalidOptionsError("register", [fault]);
    const registrar = new Registrar({
      register: (member, abort) => register.call(discovery, member, abort),
      self,
      clock,
      random,
      reporter: this.#reporter,
      beforeRenewal: () => attempt(() => beforeRenewal?.()),
      onRenewed: (token) => this.#callOut("onRenewed", () => onRenewed?.(token)),
    });
    this.#registrar = registrar;
    try {
      return await registrar.register(signal);
    } catch (error) {
      if (this.#closing === undefined) this.#registrar = undefined;
      throw error;
    }
  }

  /**
   * Changes this node's own entry. Changes merge: one update is under way at most, and load alone is sent twice a second
   * at most.
   *
   * @param isReport - metadata may wait for the load beside it.
   * @returns settles with the update that contains the change: rejected `UNAVAILABLE` when the store did not take it (it
   *   is sent again all the same), `CANCELLED` by {@link close}. Need not be looked at.
   * @throws {@link InvalidOptionsError} for a value that an entry cannot have; {@link RpcError} `FAILED_PRECONDITION` for a
   *   node that is not registered.
   */
  update(patch: MemberPatch, isReport = false): Promise<void> {
    if (this.#registrar === undefined)
      throw notRegistered("the node is not registered: a configured entry is changed where it is configured");
    return this.#registrar.update(patch, isReport);
  }

  /**
   * Takes this node's entry away, then ends the watch. Waits are rejected and listeners are not called any more; the last
   * members stay readable.
   *
   * @param options - `timeoutMs`: milliseconds for the store to take the entry away; default `3_000`. Past it the entry is
   *   left to its lease, with a report.
   */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: { timeoutMs?: number | undefined } = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#listeners.clear();
    this.#waiters.close();
    this.#options.clock.clearTimeout(this.#graceTimer);
    this.#unreachable.clear();
    await this.#registrar?.stop(timeoutMs);
    await this.#loop.stop(timeoutMs);
  }

  /** Whatever the adapter yielded. */
  #take(event: DiscoveryEvent): boolean {
    if (this.#closing !== undefined) return true;
    const { problems, accepted, ...change } = this.#membership.apply(event, this.#options.clock.now());
    if (problems.length > 0) {
      const more = problems.length > MAX_PROBLEMS ? `; and ${problems.length - MAX_PROBLEMS} more` : "";
      this.#reporter.warn("bad-event", `discovery: ${problems.slice(0, MAX_PROBLEMS).map(oneLine).join("; ")}${more}`);
    } else if (event.type === "snapshot") {
      this.#reporter.over("bad-event");
    }
    this.#changed(change);
    this.#scheduleExpiry();
    return accepted;
  }

  #changed(change: MembershipChange): void {
    for (const member of change.removed) this.#table.remove(member);
    for (const member of change.added) this.#table.put(member);
    for (const member of change.updated) this.#table.put(member);
    for (const { address } of [...change.removed, ...change.added, ...change.updated])
      if (!this.#table.isUnreachable(address)) this.#unreachable.delete(address);
    this.#waiters.recheck();
    if (change.added.length + change.updated.length + change.removed.length === 0) return;
    for (const listener of [...this.#listeners]) this.#callOut("a listener of member changes", () => listener(change));
  }

  /** It is time to try again a node that could not be reached. */
  #probe(address: LogicalAddress): void {
    const { probe } = this.#options;
    if (probe === undefined || this.#membership.get(address) === undefined) this.markUnreachable(address, false);
    else probe(address);
  }

  #scheduleExpiry(): void {
    const { clock } = this.#options;
    const endsAt = this.#membership.graceEndsAt;
    clock.clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
    if (endsAt === undefined || this.#closing !== undefined) return;
    this.#graceTimer = clock.setTimeout(() => {
      this.#changed(this.#membership.expire(clock.now()));
      this.#scheduleExpiry();
    }, endsAt - clock.now());
  }

  /** Calls what users wrote: a throw, or a rejection where they passed an async function, is told and harms nobody else. */
  #callOut(what: string, call: () => unknown): void {
    attempt(call).catch((error: unknown) => this.#reporter.warn("listener-failed", `discovery: ${what} threw: ${oneLine(error)}`, error));
  }

  #shortage(type: number): string {
    const { self } = this.#options;
    const reasons = shortageOf(type, self, this.#membership.values(), (address) => this.#table.isDraining(address));
    return reasons + this.#standingProblem();
  }

  /** What is wrong with the discovery itself now; `undefined` when nothing is. */
  get problem(): string | undefined {
    const standing = this.#reporter.standing("watch-failed") ?? this.#reporter.standing("watch-silent");
    return standing ?? (this.#membership.hasSnapshot ? undefined : "discovery has not reported anything yet");
  }

  #standingProblem(): string {
    return this.problem === undefined ? "" : `; ${this.problem}`;
  }
}

function notRegistered(problem: string): RpcError {
  return new RpcError("FAILED_PRECONDITION", problem, { execution: "notRun" });
}
