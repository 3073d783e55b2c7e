/** A discovery whose every move a test makes. */
import type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "../../src/discovery/discovery.js";
import { Deferred } from "../../src/internal/deferred.js";

/** One call of `watch`. */
export class ScriptedWatch implements AsyncIterator<DiscoveryEvent> {
  readonly signal: AbortSignal;
  returned = false;
  #results: Promise<IteratorResult<DiscoveryEvent>>[] = [];
  #asked: Deferred<IteratorResult<DiscoveryEvent>>[] = [];

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Reports anything, garbage too. */
  emit(event: unknown): void {
    this.#settle(Promise.resolve({ done: false, value: event as DiscoveryEvent }));
  }

  fail(error: unknown): void {
    this.#settle(Promise.reject(error));
  }

  finish(): void {
    this.#settle(Promise.resolve({ done: true, value: undefined }));
  }

  next(): Promise<IteratorResult<DiscoveryEvent>> {
    const ready = this.#results.shift();
    if (ready !== undefined) return ready;
    const asked = new Deferred<IteratorResult<DiscoveryEvent>>();
    this.#asked.push(asked);
    return asked.promise;
  }

  async return(): Promise<IteratorResult<DiscoveryEvent>> {
    this.returned = true;
    return { done: true, value: undefined };
  }

  #settle(result: Promise<IteratorResult<DiscoveryEvent>>): void {
    const asked = this.#asked.shift();
    if (asked === undefined) this.#results.push(result);
    else result.then(asked.resolve, asked.reject);
  }
}

/** One call of `register`. It waits until the test accepts or refuses it. */
export class ScriptedRegistration implements Registration {
  readonly self: Member;
  readonly signal: AbortSignal;
  readonly result = new Deferred<Registration>();
  readonly updates: { readonly patch: MemberPatch; readonly done: Deferred<void> }[] = [];
  readonly disposal = new Deferred<void>();
  fencingToken: bigint | undefined;
  disposals = 0;
  #lost = new Deferred<Error>();

  constructor(self: Member, signal: AbortSignal) {
    this.self = self;
    this.signal = signal;
  }

  accept(fencingToken?: bigint): void {
    this.fencingToken = fencingToken;
    this.result.resolve(this);
  }

  lose(reason: string): void {
    this.#lost.resolve(new Error(reason));
  }

  get lost(): Promise<Error> {
    return this.#lost.promise;
  }

  update(patch: MemberPatch): Promise<void> {
    const done = new Deferred<void>();
    this.updates.push({ patch, done });
    return done.promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.disposals++;
    return this.disposal.promise;
  }
}

export class ScriptedDiscovery implements Discovery {
  readonly watches: ScriptedWatch[] = [];
  readonly registrations: ScriptedRegistration[] = [];

  /** The latest watch. */
  get current(): ScriptedWatch {
    return this.watches.at(-1)!;
  }

  get registration(): ScriptedRegistration {
    return this.registrations.at(-1)!;
  }

  watch(signal: AbortSignal): AsyncIterable<DiscoveryEvent> {
    const watch = new ScriptedWatch(signal);
    this.watches.push(watch);
    return { [Symbol.asyncIterator]: () => watch };
  }

  register(self: Member, signal: AbortSignal): Promise<Registration> {
    const registration = new ScriptedRegistration(self, signal);
    this.registrations.push(registration);
    return registration.result.promise;
  }
}
