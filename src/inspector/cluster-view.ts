/**
 * What the inspector shows, made from what discovery and the nodes say. Values in, values out; time is an argument.
 * Rates come from two reports of one node and the node's own clock, so that a late answer does not bend them.
 */
import { type AddressText, addressGroup, addressId, addressType, formatAddress, type LogicalAddress } from "../addr/logical-address.js";
import type { Member } from "../discovery/discovery.js";
import type { LinkReport, MethodReport, NodeReport } from "./node-report.js";

/** How long a node that has left is shown. */
const SHOW_GONE_MS = 5 * 60_000;
/** Lines of the table of slow methods. */
const SLOWEST = 20;

export interface LinkView extends LinkReport {
  readonly messagesInPerSecond: number | undefined;
  readonly messagesOutPerSecond: number | undefined;
  readonly bytesInPerSecond: number | undefined;
  readonly bytesOutPerSecond: number | undefined;
}

/**
 * `up`: it answered lately. `silent`: discovery lists it, it does not answer. `asking`: no answer yet. `gone`: discovery
 * does not list it any more: it left, or its lease is over.
 */
export type NodeState = "up" | "silent" | "asking" | "gone";

export interface NodeView {
  readonly address: AddressText;
  readonly group: number;
  readonly type: number;
  readonly id: number;
  readonly endpoint: string;
  readonly state: NodeState;
  /** Why it is silent. */
  readonly problem: string | undefined;
  /** Milliseconds that it has been so. */
  readonly sinceMs: number;
  readonly available: boolean;
  readonly exported: boolean;
  readonly load: number | undefined;
  readonly version: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly requestsPerSecond: number | undefined;
  /** What it said last. */
  readonly report: Omit<NodeReport, "links" | "methods"> | undefined;
  readonly links: readonly LinkView[];
}

export interface SlowMethod extends MethodReport {
  readonly node: AddressText;
}

export interface ClusterView {
  readonly nodes: readonly NodeView[];
  /** By the 99th percentile, slowest first. */
  readonly slowest: readonly SlowMethod[];
  /** What is wrong with discovery, if anything is. */
  readonly discoveryProblem: string | undefined;
}

interface Watched {
  member: Member;
  state: NodeState;
  since: number;
  problem: string | undefined;
  report: NodeReport | undefined;
  before: NodeReport | undefined;
}

/** All that is known of the cluster. */
export class ClusterBook {
  readonly #nodes = new Map<LogicalAddress, Watched>();

  /** Discovery lists `member`, or has something new to say of it. */
  put(member: Member, now: number): void {
    const known = this.#nodes.get(member.address);
    if (known === undefined || known.state === "gone") {
      this.#nodes.set(member.address, { member, state: "asking", since: now, problem: undefined, report: undefined, before: undefined });
    } else known.member = member;
  }

  /** Discovery lists it no longer. */
  remove(address: LogicalAddress, now: number): void {
    const known = this.#nodes.get(address);
    if (known !== undefined) enter(known, "gone", now, undefined);
  }

  /** It has answered. */
  answered(address: LogicalAddress, report: NodeReport, now: number): void {
    const known = this.#nodes.get(address);
    if (known === undefined || known.state === "gone") return;
    // Counters of another life say nothing about this one's rates.
    known.before = known.report?.incarnation === report.incarnation ? known.report : undefined;
    known.report = report;
    enter(known, "up", now, undefined);
  }

  /** It was asked and has not answered. */
  failed(address: LogicalAddress, problem: string, now: number): void {
    const known = this.#nodes.get(address);
    if (known !== undefined && known.state !== "gone") enter(known, "silent", now, problem);
  }

  /** Forgets those that are gone for long. */
  sweep(now: number): void {
    for (const [address, { state, since }] of this.#nodes) if (state === "gone" && now - since > SHOW_GONE_MS) this.#nodes.delete(address);
  }

  /** @param discoveryProblem - what is wrong with discovery now. */
  view(now: number, discoveryProblem: string | undefined): ClusterView {
    const nodes = [...this.#nodes.values()].sort((one, other) => one.member.address - other.member.address);
    const methods = nodes.flatMap(({ member, report, state }): readonly SlowMethod[] =>
      state === "gone" ? [] : (report?.methods ?? []).map((method) => ({ ...method, node: formatAddress(member.address) })),
    );
    return {
      nodes: nodes.map((node) => viewOf(node, now)),
      slowest: methods.sort((one, other) => other.p99Ms - one.p99Ms).slice(0, SLOWEST),
      discoveryProblem,
    };
  }
}

function enter(node: Watched, state: NodeState, now: number, problem: string | undefined): void {
  if (node.state !== state) node.since = now;
  node.state = state;
  node.problem = problem;
}

function viewOf({ member, state, since, problem, report, before }: Watched, now: number): NodeView {
  const { address } = member;
  const seconds = report !== undefined && before !== undefined ? (report.atMs - before.atMs) / 1_000 : 0;
  const perSecond = (after: number, earlier: number | undefined): number | undefined =>
    seconds > 0 && earlier !== undefined && after >= earlier && state === "up" ? (after - earlier) / seconds : undefined;
  const links = (report?.links ?? []).map((link): LinkView => {
    const earlier = before?.links.find(({ peer }) => peer === link.peer);
    return {
      ...link,
      messagesInPerSecond: perSecond(link.framesIn, earlier?.framesIn),
      messagesOutPerSecond: perSecond(link.framesOut, earlier?.framesOut),
      bytesInPerSecond: perSecond(link.bytesIn, earlier?.bytesIn),
      bytesOutPerSecond: perSecond(link.bytesOut, earlier?.bytesOut),
    };
  });
  const { links: _links, methods: _methods, ...rest } = report ?? { links: [], methods: [] };
  return {
    address: formatAddress(address),
    group: addressGroup(address),
    type: addressType(address),
    id: addressId(address),
    endpoint: member.endpoint,
    state,
    problem,
    sinceMs: now - since,
    available: member.available !== false,
    exported: member.export === true,
    load: member.load,
    version: member.version,
    metadata: member.metadata ?? {},
    requestsPerSecond: report && perSecond(report.requests, before?.requests),
    report: report && (rest as Omit<NodeReport, "links" | "methods">),
    links: state === "gone" ? [] : links,
  };
}
