/** What of this node's entry has changed and is not in the store yet. Changes merge; there is one delivery at a time. */
import { formatAddress } from "../addr/logical-address.js";
import { InvalidOptionsError, RpcError } from "../errors.js";
import type { Clock } from "../internal/clock.js";
import { Deferred } from "../internal/deferred.js";
import { copyMember, memberFault, sameMember } from "./checked-event.js";
import type { Member, MemberPatch } from "./discovery.js";

/** Load changes all the time: alone, or with what is reported beside it, it is sent at most this often. */
const LOAD_INTERVAL_MS = 500;

const PATCH_KEYS = ["available", "load", "metadata", "export"] as const satisfies readonly (keyof MemberPatch)[];

/** What was taken out to be sent. It ends with `delivered()` or `failed()`. */
export interface Delivery {
  readonly patch: MemberPatch;
  delivered(): void;
  /** The patch goes back, below what was changed meanwhile, and is part of the next delivery. */
  failed(problem: string): void;
}

export class PendingPatch {
  readonly #clock: Clock;
  #wanted: Member;
  #patch: MemberPatch = {};
  /** Those who wait for `#patch`, and for what is being sent. */
  #waiting: Deferred<void> | undefined;
  #sending: Deferred<void> | undefined;
  #changed = new Deferred<void>();
  #loadSentAt = Number.NEGATIVE_INFINITY;
  /** Something in `#patch` is not to wait for the next load. */
  #isUrgent = false;
  #closed: RpcError | undefined;

  constructor(self: Member, clock: Clock) {
    this.#wanted = copyMember(self);
    this.#clock = clock;
  }

  /** The whole entry as it should be. */
  get wanted(): Member {
    return this.#wanted;
  }

  /** Resolves with the next {@link add}. */
  get changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** Milliseconds until there is something to send, 0 for now, `undefined` when there is nothing. */
  get dueInMs(): number | undefined {
    if (Object.keys(this.#patch).length === 0) return undefined;
    if (this.#isUrgent) return 0;
    return Math.max(0, this.#loadSentAt + LOAD_INTERVAL_MS - this.#clock.now());
  }

  /**
   * Merges a change. The promise settles with the delivery that contains it; nobody has to look at it. A value that the
   * entry has already costs nothing.
   *
   * @param isReport - it may wait for the next load, all of it.
   * @throws {@link InvalidOptionsError} for what an entry cannot have.
   */
  add(patch: MemberPatch, isReport = false): Promise<void> {
    if (this.#closed !== undefined) return quiet(Promise.reject(this.#closed));
    const next = patched(this.#wanted, patch);
    if (!sameMember(this.#wanted, next)) {
      for (const key of PATCH_KEYS) {
        if (!Object.hasOwn(patch, key)) continue;
        Object.assign(this.#patch, { [key]: next[key] });
        if (key !== "load" && !isReport) this.#isUrgent = true;
      }
      this.#wanted = next;
    }
    if (Object.keys(this.#patch).length === 0) return this.#sending?.promise ?? Promise.resolve();
    this.#waiting ??= delivery();
    this.#changed.resolve();
    this.#changed = new Deferred();
    return this.#waiting.promise;
  }

  /** Takes out everything there is, to be sent now; also when there is nothing, for a registration, which sends the whole entry. */
  take(): Delivery {
    const patch = this.#patch;
    const done = this.#waiting ?? delivery();
    const wasUrgent = this.#isUrgent;
    this.#patch = {};
    this.#isUrgent = false;
    this.#waiting = undefined;
    this.#sending = done;
    if (Object.hasOwn(patch, "load")) this.#loadSentAt = this.#clock.now();
    const name = formatAddress(this.#wanted.address);
    return {
      patch,
      delivered: () => {
        this.#sending = undefined;
        done.resolve();
      },
      failed: (problem) => {
        this.#sending = undefined;
        this.#patch = { ...patch, ...this.#patch };
        this.#isUrgent ||= wasUrgent;
        const message = `discovery has not taken the change of ${name} yet: ${problem}; it is sent again`;
        done.reject(new RpcError("UNAVAILABLE", message, { execution: "unknown" }));
      },
    };
  }

  /** Nothing is sent any more. */
  close(error: RpcError): void {
    this.#closed = error;
    this.#waiting?.reject(error);
  }
}

function patched(member: Member, patch: MemberPatch): Member {
  const foreign = Object.keys(patch).filter((key) => !PATCH_KEYS.some((known) => known === key));
  if (foreign.length > 0) throw new InvalidOptionsError("update", [`${foreign.join(", ")} cannot change while a node runs`]);
  const next = { ...member, ...patch };
  const fault = memberFault(next);
  if (fault !== undefined) throw new InvalidOptionsError("update", [fault]);
  return copyMember(next);
}

function delivery(): Deferred<void> {
  const deferred = new Deferred<void>();
  quiet(deferred.promise);
  return deferred;
}

/** A rejection that nobody looks at is no unhandled one: the reporter has told it. */
function quiet(promise: Promise<void>): Promise<void> {
  promise.catch(() => undefined);
  return promise;
}
