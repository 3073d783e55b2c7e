/** Follows the members of a server: questions that wait, their answers put together to what a watch reports. */
import type { LogicalAddress } from "../../addr/logical-address.js";
import { Members, Report } from "../../gen/clusterts/discovery.js";
import type { AbortSignal } from "../../internal/abort-signal.js";
import type { Caller } from "../../rpc/service.js";
import type { DiscoveryEvent, Member } from "../discovery.js";
import { fromWire } from "./member-codec.js";
import { MAX_WAIT_MS } from "./protocol.js";

/** What an answer may take beyond the time for which the server may hold it. */
const SLACK_MS = 10_000;

/** Reports of the server until `signal` aborts. @throws RpcError when the server does not answer. */
export async function* watchMembers(caller: Caller, signal: AbortSignal): AsyncGenerator<DiscoveryEvent, void> {
  const view = new MemberView();
  const ask = async (waitMs: number, after = 0): Promise<Report> => {
    const { epoch, revision } = view;
    const options = { signal, timeoutMs: waitMs + SLACK_MS, detached: true };
    const { report } = await Members.Call(caller).watch({ epoch, revision, waitMs, after }, options);
    return Report.decode(report);
  };
  try {
    while (!signal.aborted) {
      const report = await ask(MAX_WAIT_MS);
      const event = report.isDelta ? view.applyDelta(report) : await snapshot(view, report, ask);
      if (signal.aborted) return;
      if (event !== undefined) yield event;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Takes in all parts of a snapshot, then what has changed since the first one of them was made. */
async function snapshot(
  view: MemberView,
  first: Report,
  ask: (waitMs: number, after?: number) => Promise<Report>,
): Promise<DiscoveryEvent | undefined> {
  view.begin(first);
  if (first.moreAfter === 0) return view.snapshot();
  for (let part = first; part.moreAfter !== 0; ) {
    part = await ask(0, part.moreAfter);
    if (part.epoch !== first.epoch) throw new Error("the discovery server has begun a new store while it was read");
    view.addPart(part);
  }
  const changes = await ask(0);
  if (!changes.isDelta) throw new Error("the members changed faster than they could be read");
  view.applyDelta(changes);
  return view.snapshot();
}

/** All members as the last report left them. Records are never changed, only replaced: readers keep them. */
class MemberView {
  epoch = "";
  revision = 0n;
  readonly #members = new Map<LogicalAddress, Member>();

  begin(report: Report): void {
    this.epoch = report.epoch;
    this.revision = report.revision;
    this.#members.clear();
    this.addPart(report);
  }

  addPart(report: Report): void {
    for (const wire of report.put) this.#put(fromWire(wire));
  }

  /** `undefined` when nothing has changed. */
  applyDelta(report: Report): DiscoveryEvent | undefined {
    this.revision = report.revision;
    const put = report.put.map(fromWire);
    for (const member of put) this.#put(member);
    for (const [index, address] of report.loaded.entries()) {
      const member = this.#members.get(address as LogicalAddress);
      const load = report.loads[index];
      if (member === undefined || load === undefined) continue; // it went meanwhile
      const loaded: Member = { ...member, load };
      this.#put(loaded);
      put.push(loaded);
    }
    const removed = report.removed as LogicalAddress[];
    for (const address of removed) this.#members.delete(address);
    if (put.length + removed.length === 0) return undefined;
    return { type: "delta", put, removed, revision: report.revision };
  }

  snapshot(): DiscoveryEvent {
    return { type: "snapshot", members: [...this.#members.values()], revision: this.revision, storeEpoch: this.epoch };
  }

  #put(member: Member): void {
    this.#members.set(member.address, member);
  }
}
