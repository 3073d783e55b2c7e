/** The package `ws`, loaded only where WebSockets are used: who has none of them does not install it. */
import type { ClientOptions, WebSocket, WebSocketServer } from "ws";

export interface WebSocketLibrary {
  readonly WebSocket: new (url: string, options?: ClientOptions) => WebSocket;
  readonly WebSocketServer: typeof WebSocketServer;
}

/** @throws Error that says what to install. */
export async function loadWebSockets(): Promise<WebSocketLibrary> {
  try {
    return await import("ws");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new Error("WebSockets need the package ws, version 8: npm install ws", { cause });
  }
}
