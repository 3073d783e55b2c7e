/// <reference lib="esnext.disposable" preserve="true" />
/** The side of the discovery server that nodes hold: a {@link Discovery}, and its keys and values. */
import { parseEndpoint } from "../../addr/endpoint.js";
import { type AddressLike, type LogicalAddress, toAddress } from "../../addr/logical-address.js";
import { InvalidOptionsError } from "../../errors.js";
import { Members } from "../../gen/clusterts/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import { systemClock, systemRandom } from "../../internal/system-clock.js";
import { type AnonymousOptions, resolveAnonymousOptions } from "../../node/options.js";
import type { TlsOptions } from "../../transport/tls-options.js";
import { memberFault } from "../checked-event.js";
import type { Discovery, DiscoveryEvent, Member, Registration } from "../discovery.js";
import type { KeyValue } from "../key-value.js";
import { serverError } from "./failure.js";
import { toWire } from "./member-codec.js";
import { watchMembers } from "./member-watch.js";
import { SERVER_ADDRESS } from "./protocol.js";
import { ServerKeys } from "./server-keys.js";
import { ServerRegistration } from "./server-registration.js";
import { SharedCaller } from "./shared-caller.js";

/** A server that says nothing is noticed well within one lease. */
const LINK = { probeMs: 3_500, keepaliveTimeoutMs: 3_000, maxBackoffMs: 1_000 };
const REGISTER_TIMEOUT_MS = 8_000;
const ADMIN_TIMEOUT_MS = 10_000;

export interface DiscoveryServerOptions
  extends Pick<AnonymousOptions, "cluster" | "secrets" | "tls" | "link" | "transport" | "clock" | "random"> {
  /** The server's logical address, where it is not the well-known one: `4095.254.4095`. */
  address?: AddressLike | undefined;
}

/** The discovery of a cluster that has a discovery server. Its connection is open while something here is in use. */
export interface ServerDiscovery extends Discovery, AsyncDisposable {
  register(self: Member, signal: AbortSignal): Promise<Registration>;
  /** The server's keys and values. */
  readonly keyValue: KeyValue;
  /**
   * Exchanges the secrets for connections that open from now on. Nodes that use this discovery call it when they exchange
   * theirs: what was made with other secrets than `before` then keeps its own.
   *
   * @param before - only where these are in force, in any order. Default: whatever is.
   * @throws InvalidOptionsError for secrets that cannot be, or, without `before`, for a discovery that was made without.
   */
  setSecrets(secrets: readonly string[], before?: readonly string[]): void;
  /** The same for certificates and authorities. @throws InvalidOptionsError listing every fault; nothing changes then. */
  setTls(tls: TlsOptions, before?: TlsOptions): void;
  /** Configures a node by hand: it finds itself there instead of registering. @throws InvalidOptionsError; RpcError. */
  putNode(node: Member): Promise<void>;
  /** Takes a node away, configured or registered; whether it was there. One that registered itself and lives comes back. */
  removeNode(address: AddressLike): Promise<boolean>;
}

/**
 * Nodes that find each other through a discovery server, as `clusterts discovery` runs one.
 *
 * @param endpoint - where it listens, `host:port`.
 * @throws InvalidOptionsError for what cannot work.
 */
export function discoveryServer(endpoint: string, options: DiscoveryServerOptions = {}): ServerDiscovery {
  const { address = SERVER_ADDRESS, link, ...rest } = options;
  if (parseEndpoint(endpoint).port === 0) throw new InvalidOptionsError(`endpoint "${endpoint}"`, ["port 0 cannot be dialed"]);
  const anonymous: AnonymousOptions = { ...rest, to: address, endpoint, logger: false, link: { ...LINK, ...link } };
  resolveAnonymousOptions(anonymous);
  return new ServerAdapter(endpoint, anonymous);
}

class ServerAdapter implements ServerDiscovery {
  readonly keyValue: KeyValue;
  readonly #endpoint: string;
  readonly #clock: NonNullable<AnonymousOptions["clock"]>;
  readonly #random: NonNullable<AnonymousOptions["random"]>;
  readonly #shared: SharedCaller;
  /** What processes here were given, to keep it when the store loses them: by address, with the process's own mark. */
  readonly #tokens = new Map<LogicalAddress, { readonly process: bigint; readonly token: bigint }>();

  constructor(endpoint: string, options: AnonymousOptions) {
    this.#endpoint = endpoint;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#shared = new SharedCaller(options, this.#clock);
    this.keyValue = new ServerKeys(this.#shared, this.#clock, this.#random);
  }

  async *watch(signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
    if (signal.aborted) return;
    const caller = this.#shared.acquire();
    try {
      yield* watchMembers(caller, signal);
    } catch (error) {
      throw serverError(this.#endpoint, error);
    } finally {
      await this.#shared.release("now");
    }
  }

  async register(self: Member, signal: AbortSignal): Promise<Registration> {
    signal.throwIfAborted();
    const { address, incarnation: process = 0n } = self;
    const before = this.#tokens.get(address);
    const kept = before !== undefined && before.process === process ? before.token : 0n;
    const caller = this.#shared.acquire();
    try {
      const request = { self: toWire(self), token: kept };
      const { token, leaseMs } = await Members.Call(caller).register(request, {
        signal,
        timeoutMs: REGISTER_TIMEOUT_MS,
        detached: true,
      });
      if (process !== 0n) this.#tokens.set(address, { process, token });
      return new ServerRegistration({
        caller,
        endpoint: this.#endpoint,
        clock: this.#clock,
        random: this.#random,
        self,
        token,
        leaseMs,
        signal,
        onEnd: async (how) => {
          if (how === "taken away" && this.#tokens.get(address)?.token === token) this.#tokens.delete(address);
          await this.#shared.release("now");
        },
      });
    } catch (error) {
      await this.#shared.release("now");
      throw serverError(this.#endpoint, error);
    }
  }

  async putNode(node: Member): Promise<void> {
    const fault = memberFault(node);
    if (fault !== undefined) throw new InvalidOptionsError("putNode", [fault]);
    const { incarnation: _, ...configured } = node;
    await this.#once((members) => members.putNode({ node: toWire(configured) }, { timeoutMs: ADMIN_TIMEOUT_MS }));
  }

  async removeNode(address: AddressLike): Promise<boolean> {
    const wanted = toAddress(address);
    const { removed } = await this.#once((members) => members.removeNode({ address: wanted }, { timeoutMs: ADMIN_TIMEOUT_MS }));
    return removed;
  }

  setSecrets(secrets: readonly string[], before?: readonly string[]): void {
    if (before === undefined || this.#shared.hasSecrets(before)) this.#shared.setSecrets(secrets);
  }

  setTls(tls: TlsOptions, before?: TlsOptions): void {
    if (before === undefined || this.#shared.hasTls(before)) this.#shared.setTls(tls);
  }

  /** Ends the connection if nothing uses it. A watch or a registration ends by its own means. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shared.close();
  }

  async #once<T>(work: (members: ReturnType<typeof Members.Call>) => Promise<T>): Promise<T> {
    const caller = this.#shared.acquire();
    try {
      return await work(Members.Call(caller));
    } finally {
      await this.#shared.release("later");
    }
  }
}
