/** A host of the in-memory network: its ports, and who listens on them. */
import { type Endpoint, formatEndpoint, isLoopbackHost, isWildcardHost } from "../addr/endpoint.js";
import type { MemoryEnvironment } from "./memory-connection.js";
import { systemError } from "./system-error.js";
import type { Connection, Listener } from "./transport.js";

const FIRST_EPHEMERAL_PORT = 49_152;
const LAST_PORT = 65_535;

type Accept = (connection: Connection) => void;

interface Listening {
  readonly onConnection: Accept;
  readonly loopbackOnly: boolean;
}

export class MemoryHost {
  readonly name: string;
  /** What its connections run with; the clock is that of the process that runs there. */
  environment: MemoryEnvironment;
  /** Goes up with each crash. A transport belongs to one life and is of no use in the next. */
  life = 0;
  #state: "up" | "refusing" | "silent" = "up";
  readonly #listening = new Map<number, Listening>();
  #nextPort = FIRST_EPHEMERAL_PORT;
  /** What the process will learn when it goes on; `undefined`: it runs. */
  #held: (() => void)[] | undefined;

  constructor(name: string, environment: MemoryEnvironment) {
    this.name = name;
    this.environment = environment;
  }

  /** The process is stopped: it reads nothing and learns nothing, while its machine goes on answering for it. */
  get isFrozen(): boolean {
    return this.#held !== undefined;
  }

  freeze(): void {
    this.#held ??= [];
  }

  thaw(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  /** Calls the process's code, once it runs. */
  tell(news: () => void): void {
    if (this.#held === undefined) news();
    else this.#held.push(news);
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  get listenerCount(): number {
    return this.#listening.size;
  }

  /** Whether `host`, in a dial or a listen of this host, means this host. */
  isMeantBy(host: string): boolean {
    return host === this.name || isLoopbackHost(host) || isWildcardHost(host);
  }

  /** The next ephemeral port, the same in every run. @throws Error EADDRNOTAVAIL when all are listened on. */
  takePort(): number {
    for (let tries = FIRST_EPHEMERAL_PORT; tries <= LAST_PORT; tries++) {
      const port = this.#nextPort;
      this.#nextPort = port === LAST_PORT ? FIRST_EPHEMERAL_PORT : port + 1;
      if (!this.#listening.has(port)) return port;
    }
    throw systemError("EADDRNOTAVAIL", `host ${this.name} has no free port`);
  }

  /** @throws Error EADDRNOTAVAIL when the host is not this one, EADDRINUSE when the port is taken. */
  listen(endpoint: Endpoint, onConnection: Accept): Listener {
    const fail = (code: string): never => {
      throw systemError(code, `listen ${formatEndpoint(endpoint)} on host ${this.name}: ${code}`);
    };
    if (!this.isMeantBy(endpoint.host)) fail("EADDRNOTAVAIL");
    const port = endpoint.port === 0 ? this.takePort() : endpoint.port;
    if (this.#listening.has(port)) fail("EADDRINUSE");
    const listening: Listening = { onConnection, loopbackOnly: isLoopbackHost(endpoint.host) };
    this.#listening.set(port, listening);
    return {
      endpoint: { host: endpoint.host, port },
      close: () => {
        if (this.#listening.get(port) === listening) this.#listening.delete(port);
        return Promise.resolve();
      },
    };
  }

  /** What becomes of a connection to `port`. */
  answerTo(port: number, isLoopback: boolean): Accept | "refused" | "swallowed" {
    if (this.#state === "silent") return "swallowed";
    const listening = this.#listening.get(port);
    return listening === undefined || (listening.loopbackOnly && !isLoopback) ? "refused" : listening.onConnection;
  }

  /** `refuses`: the machine still answers that nobody listens; else nothing is heard of it. */
  crash(refuses: boolean): void {
    this.life++;
    this.#held = undefined;
    this.#state = refuses ? "refusing" : "silent";
    this.#listening.clear();
  }

  restart(): void {
    this.#state = "up";
  }
}
