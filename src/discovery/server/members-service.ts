/** What the server answers about members: who watches, who registers, who is heard of, what an administrator configures. */
import { formatAddress, isValidAddress, type LogicalAddress } from "../../addr/logical-address.js";
import { RpcError } from "../../errors.js";
import type {
  DeregisterRequest,
  MembersHandlers,
  PutNodeRequest,
  RegisterReply,
  RegisterRequest,
  RemoveNodeReply,
  RemoveNodeRequest,
  RenewRequest,
  UpdateRequest,
  WatchReply,
  WatchRequest,
} from "../../gen/clusterts/discovery.js";
import type { Clock, Random, TimerHandle } from "../../internal/clock.js";
import type { Logger } from "../../internal/logger.js";
import type { Context } from "../../rpc/service.js";
import * as commands from "./commands.js";
import { HeldQuestions } from "./held-questions.js";
import { Leases } from "./leases.js";
import { fromWire } from "./member-codec.js";
import { MAX_WAIT_MS } from "./protocol.js";
import { Reports } from "./reports.js";
import type { Store } from "./store.js";
import type { StoreHost } from "./store-host.js";

/** Changes are told together that come within this time. */
const GATHER_MS = 20;
/** After those who watch were told of changes they are left alone for so long each, so that a thousand nodes that start do not wake each other a thousand times. */
const REST_MS_PER_WATCH = 0.4;
const MAX_REST_MS = 500;
/** Loads change all the time: they are told this often. */
const LOADS_MS = 1_000;
/** Addresses named in one line of the log. */
const MAX_NAMED = 5;
/** Leases are looked at this often, more often when they are short. */
const TICK_MS = 250;

export interface MembersServiceOptions {
  readonly host: StoreHost;
  readonly leaseMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class MembersService implements MembersHandlers<Context> {
  readonly #options: MembersServiceOptions;
  readonly #watches: HeldQuestions<undefined>;
  /** Renewals, by whose they are. */
  readonly #renewals: HeldQuestions<LogicalAddress>;
  readonly #tickMs: number;
  #store: Store | undefined;
  #reports: Reports | undefined;
  #leases: Leases;
  /** Up to which those who watch have been told; questions of those who are there wait. */
  #told = 0n;
  #toldAt = Number.NEGATIVE_INFINITY;
  /** Up to which leases follow the store. */
  #settled = 0n;
  #loads = new Map<LogicalAddress, number>();
  #gatherTimer: TimerHandle;
  #loadTimer: TimerHandle;
  #tickTimer: TimerHandle;
  #closed = false;

  constructor(options: MembersServiceOptions) {
    const { clock, leaseMs } = options;
    this.#options = options;
    this.#watches = new HeldQuestions(clock);
    this.#renewals = new HeldQuestions(clock);
    this.#tickMs = Math.min(TICK_MS, leaseMs / 8);
    this.#leases = new Leases(leaseMs, this.#tickMs, clock.now());
  }

  /** Those who watch, and those whose renewals are held: for status. */
  get watching(): number {
    return this.#watches.size;
  }

  /** The store was read from disk: everybody who is registered has a lease to be heard of. */
  onOpened(store: Store): void {
    const { clock, leaseMs } = this.#options;
    this.#store = store;
    this.#reports = new Reports(store);
    this.#leases = new Leases(leaseMs, this.#tickMs, clock.now());
    this.#loads.clear();
    for (const { member } of store.members())
      if (member.incarnation !== undefined) this.#leases.begin(member.address, member.incarnation, clock.now());
    this.#told = store.revision;
    this.#settled = store.revision;
    this.#watches.release(() => true);
    this.#renewals.release(() => true);
    this.#tickTimer ??= clock.setTimeout(this.#tick, this.#tickMs);
  }

  /** Something was written, and all of the store is on disk. */
  onWritten(store: Store): void {
    this.#settleLeases(store);
    if (store.revision > this.#told) this.#gather();
  }

  async watch({ epoch, revision, waitMs, after }: WatchRequest, context: Context): Promise<WatchReply> {
    const { host } = this.#options;
    const isThere = epoch === host.store.epoch && revision >= this.#told && revision <= host.store.revision;
    if (isThere && after === 0) await this.#watches.hold(undefined, Math.min(waitMs, MAX_WAIT_MS), context.signal);
    const position = { epoch, revision, after: after === 0 ? undefined : after };
    return await host.read(() => ({ report: this.#reportsNow.members(position) }));
  }

  async register({ self, token }: RegisterRequest): Promise<RegisterReply> {
    const { clock, host, leaseMs, random } = this.#options;
    if (self === undefined) throw new RpcError("INVALID_ARGUMENT", "self is missing");
    const { incarnation: process = 0n, ...member } = fromWire(self);
    const freshToken = (store: Store) => commands.freshToken(store, clock.wallClock(), random.next());
    return await host.commit(
      (store) => commands.register(store, { self: member, process, token, freshToken: freshToken(store) }),
      (given) => {
        this.#leases.renew(member.address, given, clock.now()); // where nothing has to be written; a new lease begins when it was
        return { token: given, leaseMs };
      },
    );
  }

  async renew({ address, token, load, waitMs }: RenewRequest, context: Context): Promise<object> {
    const { clock, host } = this.#options;
    const own = addressOf(address);
    if (host.store.member(own)?.member.incarnation === token) {
      this.#leases.renew(own, token, clock.now());
      if (load !== undefined) this.#takeLoad(own, load);
      if (waitMs > 0) await this.#renewals.hold(own, Math.min(waitMs, MAX_WAIT_MS), context.signal);
      // The end of its connection is the last word of a process that dies: the lease counts from there.
      if (waitMs > 0 && context.signal.aborted) this.#leases.renew(own, token, clock.now());
      if (host.store.member(own)?.member.incarnation === token) return {};
    }
    return await host.read((store) => {
      commands.held(store, own, token);
      return {};
    });
  }

  async update({ self, token }: UpdateRequest): Promise<object> {
    const { clock, host } = this.#options;
    if (self === undefined) throw new RpcError("INVALID_ARGUMENT", "self is missing");
    const { incarnation: _, ...member } = fromWire(self);
    return await host.commit(
      (store) => commands.update(store, member, token),
      () => {
        this.#leases.renew(member.address, token, clock.now());
        return {};
      },
    );
  }

  async deregister({ address, token }: DeregisterRequest): Promise<object> {
    const own = addressOf(address);
    return await this.#options.host.commit(
      (store) => commands.deregister(store, own, token),
      () => ({}),
    );
  }

  async putNode({ node }: PutNodeRequest): Promise<object> {
    if (node === undefined) throw new RpcError("INVALID_ARGUMENT", "node is missing");
    return await this.#options.host.commit(
      (store) => commands.putNode(store, fromWire(node)),
      () => ({}),
    );
  }

  async removeNode({ address }: RemoveNodeRequest): Promise<RemoveNodeReply> {
    const wanted = addressOf(address);
    return await this.#options.host.commit(
      (store) => commands.removeNode(store, wanted),
      (removed) => ({ removed }),
    );
  }

  /** Lets go of everything that waits. */
  close(): void {
    const { clock } = this.#options;
    this.#closed = true;
    for (const timer of [this.#gatherTimer, this.#loadTimer, this.#tickTimer]) clock.clearTimeout(timer);
    this.#watches.close();
    this.#renewals.close();
  }

  get #reportsNow(): Reports {
    if (this.#reports === undefined) throw new RpcError("UNAVAILABLE", "the discovery server is starting");
    return this.#reports;
  }

  /** What has changed in the store changes leases: new holders have one, those who are gone have none and learn it. */
  #settleLeases(store: Store): void {
    const { clock } = this.#options;
    const changed = store.membersSince(this.#settled) ?? new Set([...store.members()].map(({ member }) => member.address));
    this.#settled = store.revision;
    const lost = new Set<LogicalAddress>();
    for (const address of changed) {
      const token = store.member(address)?.member.incarnation;
      const before = this.#leases.tokenOf(address);
      if (token === before) continue;
      lost.add(address);
      if (token === undefined) this.#leases.forget(address);
      else this.#leases.begin(address, token, clock.now());
    }
    if (lost.size > 0) this.#renewals.release((address) => lost.has(address));
  }

  /** Tells those who watch, in a moment: what else comes in it is told with it. */
  #gather(): void {
    const { clock, host } = this.#options;
    if (this.#closed) return;
    const restMs = this.#toldAt + Math.min(MAX_REST_MS, REST_MS_PER_WATCH * this.#watches.size) - clock.now();
    this.#gatherTimer ??= clock.setTimeout(
      () => {
        this.#gatherTimer = undefined;
        // A store that cannot be written tells nothing; when it is opened again everybody is told everything.
        host.read((store) => this.#tell(store)).catch(() => undefined);
      },
      Math.max(GATHER_MS, restMs),
    );
  }

  #tell(store: Store): void {
    this.#told = store.revision;
    this.#toldAt = this.#options.clock.now();
    this.#watches.release(() => true);
  }

  #takeLoad(address: LogicalAddress, load: number): void {
    const { clock } = this.#options;
    if (!Number.isFinite(load)) throw new RpcError("INVALID_ARGUMENT", `load is a finite number, got ${load}`);
    this.#loads.set(address, load);
    this.#loadTimer ??= clock.setTimeout(() => {
      this.#loadTimer = undefined;
      this.#tellLoads();
    }, LOADS_MS);
  }

  /** Not through the queue: nothing of it goes to disk. */
  #tellLoads(): void {
    const loads = this.#loads;
    this.#loads = new Map();
    this.#store?.applyLoads(loads);
    this.#gather();
  }

  readonly #tick = (): void => {
    const { clock } = this.#options;
    this.#leases.tick(clock.now());
    this.#tickTimer = clock.setTimeout(this.#tick, this.#tickMs);
    if (this.#leases.expired(clock.now()).length === 0) return;
    // What has arrived is read before anybody is judged.
    clock.nextTurn(() => clock.nextTurn(() => this.#expire()));
  };

  #expire(): void {
    const { clock, host, logger } = this.#options;
    if (this.#closed) return;
    host
      .commit(
        (store) => commands.expire(store, this.#leases.expired(clock.now())),
        (gone) => {
          if (gone.length > 0)
            logger.info({ gone: gone.map(formatAddress) }, `discovery server: removed ${namesOf(gone)}: not heard of for a lease`);
        },
      )
      .catch(() => undefined); // the store cannot be written now: when it can again, all leases begin anew
  }
}

function namesOf(addresses: readonly LogicalAddress[]): string {
  const more = addresses.length > MAX_NAMED ? ` and ${addresses.length - MAX_NAMED} more` : "";
  return addresses.slice(0, MAX_NAMED).map(formatAddress).join(", ") + more;
}

function addressOf(value: number): LogicalAddress {
  if (isValidAddress(value)) return value;
  throw new RpcError("INVALID_ARGUMENT", `${value} is no logical address`);
}
