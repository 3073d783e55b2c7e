/** The entries that a node has made itself, where the discovery registers nodes, and the load that it reports in them. */
import { formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import { memberFault } from "../discovery/checked-event.js";
import type { MemberPatch } from "../discovery/discovery.js";
import type { Members } from "../discovery/members.js";
import { InvalidOptionsError } from "../errors.js";
import type { Logger } from "../internal/logger.js";

export class OwnEntries {
  readonly #self: LogicalAddress;
  /** The nodes of this one's group: there it reports its load. */
  readonly #members: Members;
  readonly #logger: Logger;
  /** Where this node has an entry of its own making. */
  readonly #registeredIn: Members[] = [];
  /** The load that this node reported last, and what beside it. */
  #report: Pick<MemberPatch, "load" | "metadata"> | undefined;

  constructor(self: LogicalAddress, members: Members, logger: Logger) {
    this.#self = self;
    this.#members = members;
    this.#logger = logger;
  }

  get areNone(): boolean {
    return this.#registeredIn.length === 0;
  }

  /** This node was registered in `members`: what it has reported before goes there now. */
  add(members: Members): void {
    this.#registeredIn.push(members);
    if (members === this.#members && this.#report !== undefined) void members.update(this.#report, true);
  }

  /**
   * Sends the load with what others see of this node; before it is registered, as soon as it is.
   *
   * @param isUp - whether a node that is not registered by now never will be.
   * @throws {@link InvalidOptionsError} for a load that is no finite number, or metadata that are no strings.
   */
  reportLoad(load: number, metadata: Readonly<Record<string, string>> | undefined, isUp: boolean): void {
    const report = { load, ...(metadata && { metadata: { ...metadata } }) };
    const fault = memberFault({ address: this.#self, endpoint: "localhost:1", ...report });
    if (fault !== undefined) throw new InvalidOptionsError("reportLoad", [fault]);
    const isFirst = this.#report === undefined;
    this.#report = { ...this.#report, ...report };
    if (this.#registeredIn.includes(this.#members)) return void this.#members.update(report, true);
    if (isUp && isFirst) this.#logger.warn({}, `${formatAddress(this.#self)} reports its load, and is configured: others do not see it`);
  }

  /** Makes this node unavailable in all of them. Never rejects: a store that does not take it is told to the log. */
  async announceClosing(): Promise<void> {
    try {
      await Promise.all(this.#registeredIn.map((members) => members.update({ available: false })));
    } catch (err) {
      this.#logger.warn({ err }, `${formatAddress(this.#self)} could not say in discovery that it is closing`);
    }
  }
}
