/** `clusterts`: the public API. Read top to bottom it is the table of contents. */

export { type Endpoint, formatEndpoint, parseEndpoint } from "./addr/endpoint.js";
export {
  type AddressLike,
  type AddressText,
  addressGroup,
  addressId,
  addressType,
  formatAddress,
  harborAddress,
  isHarbor,
  type LogicalAddress,
  makeAddress,
  parseAddress,
  parseAnyAddress,
  tryParseAddress,
} from "./addr/logical-address.js";
export type { Discovery, DiscoveryEvent, Member, MemberPatch, Registration } from "./discovery/discovery.js";
export { type Environment, type EnvironmentOptions, optionsFromEnv } from "./env/options-from-env.js";
export {
  type Code,
  type Execution,
  InvalidAddressError,
  InvalidOptionsError,
  RpcError,
  type RpcErrorOptions,
  StartError,
  type StartErrorCode,
} from "./errors.js";
export { onEvent } from "./events/channels.js";
export type {
  CallEvent,
  DiscoveryNotice,
  DropCause,
  DropEvent,
  EventMember,
  Events,
  GatewayEvent,
  HandlerEvent,
  LimitEvent,
  LimitName,
  LinkEvent,
  MemberEvent,
  MessageEvent,
  MessageKind,
  NodeEvent,
} from "./events/events.js";
export type { TapFilter } from "./events/tap-filter.js";
export { type TapOptions, type TappedMessage, tapMessages } from "./events/tap-messages.js";
export type { Clock, Random, TimerHandle } from "./internal/clock.js";
export type { Logger } from "./internal/logger.js";
export type { LinkOptions } from "./link/link-options.js";
export { AnonymousCaller, connectAnonymously } from "./node/anonymous-caller.js";
export type { ClusterStream } from "./node/cluster-stream.js";
export type { CloseOptions, CloseReport, StartOptions } from "./node/lifecycle-options.js";
export type { MethodTimes } from "./node/method-times.js";
export { ClusterNode, createNode, startNode } from "./node/node.js";
export type { OpenStreamOptions, StreamHandler } from "./node/open-stream-options.js";
export type { AnonymousOptions, NodeOptions } from "./node/options.js";
export type { CallInFlight, HarborStatus, LinkStatus, NodePhase, NodeStatus, StreamSessionStatus } from "./node/status.js";
export type { StreamOptions } from "./node/stream-options.js";
export type { StreamTotals } from "./node/stream-totals.js";
export type { Traffic } from "./node/traffic.js";
export type { CallerInterceptor, HandlerInterceptor, IncomingCall, Interceptors, OutgoingCall } from "./rpc/interceptor.js";
export { Mailbox, type MailboxKey, type MailboxStatus, mailbox, type RunOptions } from "./rpc/mailbox.js";
export type { MailboxOptions } from "./rpc/mailbox-options.js";
export type { MethodLimitOptions, MethodLimitStatus } from "./rpc/method-limit-options.js";
export { type BasicPolicy, byType, type Candidate, type Picker, type Policy, type WherePolicy } from "./rpc/picker.js";
export type { RpcOptions } from "./rpc/rpc-options.js";
export {
  type Caller,
  type CallOptions,
  type Codec,
  type Context,
  type DeepPartial,
  defineMethod,
  type Message,
  type MetadataInit,
  type Method,
  type MethodKind,
  type MethodOf,
  type PostOptions,
  type Registrar,
  type Target,
  type UnaryHandler,
} from "./rpc/service.js";
export { StreamError, type StreamErrorReason } from "./stream/stream-error.js";
export type { OwnCertificate } from "./transport/tls-credentials.js";
export type { Pem, TlsOptions } from "./transport/tls-options.js";
export type { Connection, ConnectionHandler, Listener, PeerIdentity, Transport } from "./transport/transport.js";
