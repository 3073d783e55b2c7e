/** One session from here to a listener, on a socket of its own. */
import { parseEndpoint } from "../addr/endpoint.js";
import { InvalidOptionsError } from "../errors.js";
import { type Farewell, KEPT_MS } from "./afterlife.js";
import { Conversation } from "./conversation.js";
import { ConversationTable, type TableOwner } from "./conversation-table.js";
import { type DatagramHandler, DatagramSocket, formatRemote, type Remote } from "./datagram-socket.js";
import { KcpCore } from "./kcp-core.js";
import { newCounters } from "./kcp-counters.js";
import { KcpError } from "./kcp-error.js";
import { type KcpDialOptions, type ResolvedKcpOptions, resolveDialOptions } from "./kcp-options.js";
import { KcpSession } from "./kcp-session.js";
import { addressesOf } from "./resolve-host.js";
import type { SessionHost } from "./session-host.js";

/**
 * Opens a session to `endpoint`, `host:port`. Resolves when the local socket is ready: KCP has no handshake, so whether
 * anybody answers shows with the first acknowledgement. The listener hears of the session with its first bytes.
 *
 * @throws InvalidOptionsError for wrong options; Error with the system's `code` when the name cannot be looked up.
 */
export async function dialKcp(endpoint: string, options: KcpDialOptions = {}): Promise<KcpSession> {
  const resolved = resolveDialOptions(options);
  const { host, port } = parseEndpoint(endpoint);
  if (port === 0) throw new InvalidOptionsError(`endpoint ${JSON.stringify(endpoint)}`, ["port 0 cannot be dialed"]);
  const [address] = await addressesOf(host);
  return new Dialed(resolved).open({ address: address!, port });
}

class Dialed implements DatagramHandler, TableOwner, SessionHost {
  readonly #options: ResolvedKcpOptions & { readonly conversation: number };
  readonly #counters = newCounters();
  #socket!: DatagramSocket;
  #table!: ConversationTable;
  #conversation: Conversation | undefined;
  #isClosed = false;

  constructor(options: ResolvedKcpOptions & { readonly conversation: number }) {
    this.#options = options;
  }

  async open(remote: Remote): Promise<KcpSession> {
    const { clock, random, conversation: number, receiveBufferBytes } = this.#options;
    this.#socket = await DatagramSocket.connect({ host: remote.address, port: remote.port }, receiveBufferBytes, this);
    this.#table = new ConversationTable(this.#socket, clock, this.#counters, this);
    const now = clock.now();
    const timestampOffset = Buffer.from(random.bytes(4)).readUInt32LE();
    const core = new KcpCore(number, this.#options, { now, timestampOffset });
    const limits = { ...this.#options, unprovenTimeoutMs: Number.POSITIVE_INFINITY };
    this.#conversation = new Conversation(`${number}`, core, remote, limits, now);
    const session = new KcpSession(this.#conversation, this.#options, this);
    this.#table.add(this.#conversation);
    return session;
  }

  onDatagram(datagram: Buffer, remote: Remote): void {
    if (this.#isClosed) return;
    const conversation = this.#conversation;
    if (conversation !== undefined) return this.#table.input(conversation, datagram);
    const answer = this.#table.afterlife.answer(`${this.#options.conversation}`, datagram);
    if (answer !== undefined) this.#table.send(answer, remote);
  }

  /** Only a closed port ends the session; everything else may pass, and the dead link notices when it does not. */
  onError(error: NodeJS.ErrnoException): void {
    const conversation = this.#conversation;
    if (error.code !== "ECONNREFUSED" || conversation === undefined) return;
    conversation.core.fail(new KcpError("REFUSED", `nobody listens at ${formatRemote(conversation.remote)}`, { cause: error }));
    this.onFailure(conversation);
  }

  onInput(): void {}

  onFailure(conversation: Conversation): void {
    conversation.user?.onProgress();
  }

  touch(conversation: Conversation): void {
    this.#table.touch(conversation);
  }

  /** The socket stays for a while, without holding the process: a peer that did not get our last word says its own again. */
  leave(conversation: Conversation, farewell: Farewell): void {
    if (this.#conversation === undefined) return;
    this.#conversation = undefined;
    this.#table.remove(conversation, farewell);
    if (farewell === "nothing") return this.#close();
    this.#socket.unref();
    this.#options.clock.setTimeout(() => this.#close(), KEPT_MS);
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#table.close();
    this.#socket.close();
  }
}
