/** A discovery server in a process of its own, as the command line runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const BUILT = fileURLToPath(new URL("../../../dist/src/cli/main.js", import.meta.url));

export interface ServerProcessOptions {
  readonly data?: string | undefined;
  readonly leaseMs?: number | undefined;
  /** 0 takes a free one. */
  readonly port?: number | undefined;
  /** Runs what `npm run build` has made, which starts sooner. */
  readonly built?: boolean | undefined;
}

export class ServerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #up: Promise<string>;
  #output = "";

  constructor({ data, leaseMs, port = 0, built = false }: ServerProcessOptions = {}) {
    const program = built ? [BUILT] : ["--import", "tsx", SOURCE];
    const args = [
      "discovery",
      "--listen",
      `127.0.0.1:${port}`,
      "--lease",
      String(leaseMs ?? 10_000),
      ...(data === undefined ? [] : ["--data", data]),
    ];
    this.#child = spawn(process.execPath, [...program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.#up = new Promise((resolve, reject) => {
      this.#child.stdout?.on("data", (chunk: Buffer) => {
        this.#output += chunk.toString();
        const endpoint = /listens on (\S+),/.exec(this.#output)?.[1];
        if (endpoint !== undefined) resolve(endpoint);
      });
      this.#child.once("exit", (code, signal) => reject(new Error(`the server ended with ${code ?? signal}: ${this.#output}`)));
    });
    this.#up.catch(() => undefined); // a process that is killed before it is up is what some want
  }

  /** Where it listens, once it does. @throws Error with its output when it does not start. */
  up(): Promise<string> {
    return this.#up;
  }

  /** What it wrote. */
  get output(): string {
    return this.#output;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Does nothing any more, until {@link goOn}: as on a machine that hangs. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  goOn(): void {
    this.#child.kill("SIGCONT");
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** As a supervisor ends it. @returns its exit code. */
  async terminate(): Promise<number | null> {
    await this.#end("SIGTERM");
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill(signal);
    await gone;
  }
}
