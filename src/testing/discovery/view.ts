/** One watch of a discovery under test. */
import assert from "node:assert/strict";
import { formatAddress, type LogicalAddress } from "../../addr/logical-address.js";
import type { Discovery, DiscoveryEvent, Member } from "../../discovery/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import { inTime } from "./in-time.js";

/** Until a watch that threw begins anew. */
const AGAIN_MS = 50;

export interface ViewOptions {
  readonly timeoutMs: number;
  /** In place of one of its own. */
  readonly given?: AbortSignal | undefined;
  /** Whether a watch that throws begins anew; else it fails the check. */
  readonly again?: boolean | undefined;
}

/** Applies what a watch reports, naively, and fails on what is no proper event. */
export class View {
  readonly members = new Map<LogicalAddress, Member>();
  readonly events: DiscoveryEvent[] = [];
  storeEpoch: string | undefined;
  readonly #abort = new AbortController();
  readonly #timeoutMs: number;
  readonly #reading: Promise<void>;
  #failure: Error | undefined;
  #wake: () => void = () => {};

  constructor(discovery: Discovery, { timeoutMs, given, again = false }: ViewOptions) {
    const signal = given ?? this.#abort.signal;
    this.#timeoutMs = timeoutMs;
    this.#reading = (again ? this.#readAgain(discovery, signal) : this.#read(discovery, signal)).catch((error: Error) => {
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

  /** As the library does: a watch that throws begins anew. */
  async #readAgain(discovery: Discovery, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#read(discovery, signal).catch(async (error: unknown) => {
        if (error instanceof assert.AssertionError) throw error;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      });
    }
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

/** What every store keeps of a member, with defaults filled in: absent and default are the same. */
export function fieldsOf(member: Member | undefined): object {
  assert.ok(member !== undefined, "the member is there");
  const { address, endpoint, export: exported = false, available = true, metadata = {}, version } = member;
  return { address, endpoint, export: exported, available, metadata: { ...metadata }, version };
}
