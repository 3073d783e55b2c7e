/** `clusterts/gateway/client`: for bots and tests, clients that dial a gateway. KCP: `dialKcp`. */

export { dialKcp, type KcpDialOptions, KcpError, type KcpSession } from "../../kcp/index.js";
export { WebSocketError } from "../listen/websocket-error.js";
export { dialTcp, type TcpDialOptions } from "./dial-tcp.js";
export { dialWebSocket, type WebSocketDialOptions } from "./dial-websocket.js";
