/** The parts of a node, plugged together; none of them is started, and none knows the node. */
import { formatAddress, isHarbor, type LogicalAddress } from "../addr/logical-address.js";
import type { Members } from "../discovery/members.js";
import { LimitHits } from "../events/limit-hits.js";
import { Seldom } from "../internal/seldom.js";
import { DialLimiter } from "../link/dial-limiter.js";
import type { Identity } from "../link/handshake.js";
import { Keyring } from "../link/keyring.js";
import { LastWords } from "../link/last-words.js";
import type { LinkEvents } from "../link/link-environment.js";
import { Links } from "../link/links.js";
import { RpcCaller } from "../rpc/caller.js";
import { Dispatcher } from "../rpc/dispatcher.js";
import { HandlerTable } from "../rpc/handler-table.js";
import { LocalPath } from "../rpc/local-path.js";
import { MessageSink } from "../rpc/message-sink.js";
import { StreamCaller } from "../rpc/streaming/stream-caller.js";
import { StreamDispatcher } from "../rpc/streaming/stream-dispatcher.js";
import { type ResolvedSessionOptions, resolveSessionOptions } from "../stream/session-options.js";
import { BetweenGroups } from "./between-groups.js";
import { epochOf, makeIncarnation } from "./incarnation.js";
import { type LinkTally, linkEventsOf } from "./link-events.js";
import { MethodTimesRecorder } from "./method-times.js";
import { onMembersChanged, viewOf } from "./node-members.js";
import { NodeRouter } from "./node-router.js";
import { NodeStreams } from "./node-streams.js";
import type { ResolvedNodeOptions } from "./options.js";
import { serveCalls } from "./stream-calls.js";
import { type NewerProcess, RELAY_BACKLOG } from "./stream-peer.js";
import { NO_TRAFFIC } from "./traffic.js";
import { SOFTWARE } from "./version.js";

/** Longest time to send what is buffered when a node closes. */
export const FLUSH_TIMEOUT_MS = 1_000;

export class NodeParts {
  readonly options: ResolvedNodeOptions;
  readonly identity: Identity;
  readonly keyring: Keyring;
  readonly members: Members;
  /** What a harbor knows of the others; the same as `members` where one discovery serves both, or this is no harbor. */
  readonly harbors: Members;
  readonly between: BetweenGroups;
  readonly links: Links;
  readonly local: LocalPath;
  readonly router: NodeRouter;
  readonly streams: NodeStreams;
  readonly caller: RpcCaller;
  readonly streamCaller: StreamCaller;
  readonly limits: LimitHits;
  readonly times: MethodTimesRecorder;
  readonly handlers: HandlerTable;
  readonly dispatcher: Dispatcher;
  readonly sink: MessageSink;
  readonly tally: LinkTally = { pastTraffic: NO_TRAFFIC, messagesLost: 0 };
  /** What stands in the frames that this node sends. */
  readonly #sender: { readonly address: LogicalAddress; epoch: number };

  /** @param onReplaced - a newer incarnation of this address is alive, and has proven it. */
  constructor(options: ResolvedNodeOptions, onReplaced: LinkEvents["onReplaced"]) {
    const { address, clock, discovery, link, logger, random, rpc, transport } = options;
    this.options = options;
    this.limits = new LimitHits(address);
    this.times = new MethodTimesRecorder(formatAddress(address), clock);
    this.handlers = new HandlerTable(this.limits);
    const incarnation = makeIncarnation(clock, random);
    this.identity = { address, incarnation, cluster: options.cluster, maxPayloadBytes: rpc.maxPayloadBytes, software: SOFTWARE };
    this.#sender = { address, epoch: epochOf(incarnation) };
    this.keyring = new Keyring(options.secrets, options.harborSecrets && new Keyring(options.harborSecrets));
    const probe = (peer: LogicalAddress): void => this.links.peek(peer)?.probe();
    this.members = viewOf(discovery, options, probe);
    this.harbors = options.harbors === undefined || options.harbors === discovery ? this.members : viewOf(options.harbors, options, probe);
    this.between = new BetweenGroups({
      options,
      members: this.members,
      harbors: this.harbors,
      limits: this.limits,
      links: () => this.links,
      caller: () => this.caller,
    });
    if (this.harbors !== this.members) this.harbors.onChange((change) => onMembersChanged(this, change));
    this.members.onChange((change) => onMembersChanged(this, change));
    const shared = {
      identity: this.identity,
      keyring: this.keyring,
      transport,
      clock,
      random,
      limiter: new DialLimiter(link.maxDialsPerSecond),
      lastWords: new LastWords(clock),
      logger,
      limits: this.limits,
      locate: (peer: LogicalAddress) => this.between.locate(peer),
    };
    this.links = new Links(
      { ...shared, options: link, seldom: new Seldom(clock), closingText: undefined, events: linkEventsOf(this, onReplaced) },
      options.insecure,
      (pending) => this.streams.sessions.offer(pending),
    );
    this.local = new LocalPath(address, clock, rpc.maxPayloadBytes, link);
    this.router = new NodeRouter(address, this.members, this.links, this.local, this.between);
    const forStreams = { link, stream: options.stream, session: sessionOptions(options), maxRelayedBytes: options.harbor.maxWaitingBytes };
    this.streams = new NodeStreams(
      { ...shared, ...forStreams, onReplaced, newerProcess: (peer, incarnation) => newerOnLink(this.links, peer, incarnation) },
      this.router,
      this.between,
    );
    this.caller = new RpcCaller(this.#sender, this.router, clock, rpc, this.limits);
    this.dispatcher = new Dispatcher(this.#sender, this.handlers, clock, logger, rpc, this.limits);
    this.streamCaller = new StreamCaller(address, this.streams, clock, rpc, this.limits);
    serveCalls(this.streams, new StreamDispatcher(address, this.dispatcher, clock, logger, rpc.maxPayloadBytes));
    this.sink = new MessageSink(this.caller, this.dispatcher);
    this.local.connect(this.sink);
  }

  /** From now on this node is the incarnation that the store says. To be done before others can reach it. */
  setIncarnation(incarnation: bigint): void {
    this.identity.incarnation = incarnation;
    this.#sender.epoch = epochOf(incarnation);
  }

  /** Fails the calls that have no reply yet and gives up what handlers work on. */
  cutCalls(reason: string): { readonly callsCut: number; readonly requestsCut: number } {
    const callsCut = this.caller.close(reason) + this.streamCaller.close(reason);
    return { callsCut, requestsCut: this.dispatcher.close(reason) };
  }
}

/** The process at the other end of the link to `peer`, when that is newer than `incarnation`. */
function newerOnLink(links: Links, peer: LogicalAddress, incarnation: bigint): NewerProcess | undefined {
  const channel = links.peek(peer)?.channel;
  if (channel === undefined || channel.peer.incarnation <= incarnation) return undefined;
  return {
    incarnation: channel.peer.incarnation,
    ping: () =>
      new Promise<void>((resolve, reject) =>
        channel.ping((answered) => (answered ? resolve() : reject(new Error(`the link to ${formatAddress(peer)} is gone`)))),
      ),
    destroy: (cause) => channel.destroy(cause),
  };
}

/** What of the options of a node counts for a session of streams. */
function sessionOptions({ address, link, stream }: ResolvedNodeOptions): ResolvedSessionOptions {
  const { keepaliveMs, keepaliveTimeoutMs, unansweredMs } = link;
  const { windowBytes, maxUnreadBytes, maxStreams, acceptBacklog, openTimeoutMs } = stream;
  return resolveSessionOptions({
    keepaliveMs,
    keepaliveTimeoutMs,
    unansweredMs,
    windowBytes,
    maxUnreadBytes,
    maxStreams,
    acceptBacklog: isHarbor(address) ? Math.max(acceptBacklog, RELAY_BACKLOG) : acceptBacklog,
    openTimeoutMs,
    lingerMs: FLUSH_TIMEOUT_MS,
  });
}
