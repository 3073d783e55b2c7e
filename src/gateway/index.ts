/** `clusterts/gateway`: clients over TCP, TLS and WebSockets, each a stream to a backend. KCP: `clusterts/gateway/kcp`. */

export type { BackendStream, OpenStreamOptions, StreamOpener } from "./backend-stream.js";
export type { CloseCause, RefusalCause } from "./close-cause.js";
export type { ListenTlsOptions } from "./listen/listen-tls-options.js";
export type {
  Client,
  ClientConnection,
  ClientHandler,
  Goodbye,
  Listener,
  Listening,
  ListenOptions,
  ListenRefusal,
} from "./listen/listener.js";
export { type TcpListener, type TcpListenOptions, tcp } from "./listen/tcp.js";
export { type WebSocketListener, websocket } from "./listen/websocket.js";
export { WebSocketError } from "./listen/websocket-error.js";
export type { WebSocketListenOptions } from "./listen/websocket-options.js";
export { type PipeGateway, pipeGateway } from "./pipe-gateway.js";
export type { Accept, AcceptContext, AcceptedClient, PipeGatewayOptions, RefusedClient } from "./pipe-options.js";
export type { ClientStatus, GatewayCloseReport, GatewayPhase, GatewayStatus, ListenerStatus } from "./status.js";
