/** The store that one runs already, here a map behind HTTP: `GET /members`. */
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { formatAddress, type LogicalAddress, type Member } from "clusterts";

export class MemberServer {
  readonly members = new Map<LogicalAddress, Member>();
  readonly #http = createServer((_, response) => {
    const rows = [...this.members.values()].map((member) => ({ ...member, address: formatAddress(member.address) }));
    response.setHeader("content-type", "application/json").end(JSON.stringify(rows));
  });

  /** @returns its URL. */
  async start(): Promise<string> {
    await once(this.#http.listen(0, "127.0.0.1"), "listening");
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/members`;
  }

  async close(): Promise<void> {
    this.#http.close();
    this.#http.closeAllConnections();
    await once(this.#http, "close");
  }
}
