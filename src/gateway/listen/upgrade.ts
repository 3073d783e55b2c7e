/** Whether an HTTP request may become a WebSocket. Decided of values; nothing is sent here. */
import type { IncomingHttpHeaders } from "node:http";
import type { Goodbye } from "./listener.js";

export interface UpgradePolicy {
  readonly path?: string | undefined;
  readonly origins?: readonly string[] | ((origin: string | undefined) => boolean) | undefined;
}

export type UpgradeVerdict =
  | { readonly type: "ok" }
  | { readonly type: "refused"; readonly cause: "notFound" | "origin"; readonly status: number; readonly reason: string };

const OK: UpgradeVerdict = { type: "ok" };

/** @param url - path and query, as in the request's first line. */
export function judgeUpgrade({ path, origins }: UpgradePolicy, url: string, headers: IncomingHttpHeaders): UpgradeVerdict {
  if (path !== undefined && pathOf(url) !== path) {
    return { type: "refused", cause: "notFound", status: 404, reason: `the path is ${path}` };
  }
  const { origin } = headers;
  const isWelcome =
    typeof origins === "function" ? origins(origin) : origins === undefined || origin === undefined || origins.includes(origin);
  return isWelcome ? OK : { type: "refused", cause: "origin", status: 403, reason: "pages of this origin may not connect" };
}

export function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query < 0 ? url : url.slice(0, query);
}

/** The first value of each header, where there are several. */
export function plainHeaders(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) plain[name] = typeof value === "string" ? value : (value[0] ?? "");
  return plain;
}

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  426: "Upgrade Required",
  503: "Service Unavailable",
};

/** An answer that ends the connection. */
export function refusalText(status: number, reason: string): string {
  const body = `${reason}\n`;
  const extra = status === 426 ? "Upgrade: websocket\r\n" : status === 503 ? "Retry-After: 1\r\n" : "";
  const headers = `Connection: close\r\n${extra}Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  return `HTTP/1.1 ${status} ${STATUS_TEXTS[status] ?? ""}\r\n${headers}\r\n${body}`;
}

/** A client that is not let in comes later, or not at all. */
export function statusOf(goodbye: Goodbye): number {
  return goodbye.code === 1008 ? 403 : 503;
}
