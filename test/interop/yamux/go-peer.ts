/** The Go program beside this file, built and run, with a session to it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock, systemRandom } from "../../../src/internal/system-clock.js";
import { Session, type SessionHandler } from "../../../src/stream/session.js";
import { resolveSessionOptions, type SessionOptions } from "../../../src/stream/session-options.js";
import type { SessionRole } from "../../../src/stream/stream-ids.js";
import { SocketConnection } from "../../../src/transport/socket-connection.js";

/** Where Debian's golang-github-hashicorp-yamux-dev lies; `GOPATH` says so of another place. */
const GOPATH = process.env.GOPATH ?? "/usr/share/gocode";
const PACKAGE = join(GOPATH, "src", "github.com", "hashicorp", "yamux");

/** The built program; `undefined` with the reason in `missing` where there is no Go, or no yamux for it. */
export class GoProgram {
  readonly missing: string | undefined;
  readonly path: string;
  readonly #folder: string;

  constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "clusterts-yamux-"));
    this.path = join(this.#folder, "peer");
    this.missing = this.#build();
  }

  #build(): string | undefined {
    if (!existsSync(PACKAGE)) return `no ${PACKAGE} (Debian: golang-github-hashicorp-yamux-dev)`;
    const env = { ...process.env, GO111MODULE: "off", GOPATH, GOCACHE: join(this.#folder, "cache") };
    const source = join(import.meta.dirname, "peer.go");
    const built = spawnSync("go", ["build", "-o", this.path, source], { env, encoding: "utf8" });
    if (built.error !== undefined) return `no go: ${built.error.message}`;
    if (built.status !== 0) throw new Error(`go build failed:\n${built.stderr}`);
    return undefined;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

export class GoPeer {
  readonly session: Session;
  /** What `onClose` was called with. */
  closed: { error: Error | undefined } | undefined;
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    child: ChildProcess,
    lines: AsyncIterator<string>,
    socket: Socket,
    role: SessionRole,
    options: SessionOptions,
    handler: Partial<SessionHandler>,
  ) {
    this.#child = child;
    this.#lines = lines;
    const onClose = (error: Error | undefined): void => {
      this.closed = { error };
    };
    this.session = new Session(
      new SocketConnection(socket, { identity: undefined, channelBinding: undefined }),
      role,
      { onStream: () => undefined, onUnavailable: () => undefined, onClose, ...handler },
      resolveSessionOptions(options),
      { clock: systemClock, random: systemRandom },
    );
  }

  /** `role`: this side's; the Go program has the other one. */
  static async start(program: string, role: SessionRole, handler: Partial<SessionHandler>, options: SessionOptions = {}): Promise<GoPeer> {
    if (role === "dialer") {
      const { child, lines } = run(program, "listen");
      const socket = connect(Number((await lines.next()).value), "127.0.0.1").pause();
      await once(socket, "connect");
      return new GoPeer(child, lines, socket, role, options, handler);
    }
    const server = createServer({ pauseOnConnect: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { child, lines } = run(program, "dial", `127.0.0.1:${(server.address() as { port: number }).port}`);
    const [socket] = (await once(server, "connection")) as [Socket];
    server.close();
    return new GoPeer(child, lines, socket, role, options, handler);
  }

  /** Has the program do something; gives what it says. */
  async do(command: string): Promise<string> {
    this.#child.stdin!.write(`${command}\n`);
    return this.line();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the Go program has ended");
    return value as string;
  }

  /** Ends the program, as a crash would. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGKILL");
    await once(this.#child, "exit");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.kill();
  }
}

function run(program: string, ...args: string[]): { child: ChildProcess; lines: AsyncIterator<string> } {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  return { child, lines: createInterface({ input: child.stdout! })[Symbol.asyncIterator]() };
}
