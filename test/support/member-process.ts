/** A node in a process of its own that registers itself; see processes/member.ts. Signals, orders, and what it reports. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { NodeOptions } from "../../src/node/options.js";
import type { NodePhase } from "../../src/node/status.js";

const PROGRAM = fileURLToPath(new URL("processes/member.ts", import.meta.url));

export type Order = "release" | "status";

export type Report =
  | { readonly type: "up"; readonly incarnation: string }
  | { readonly type: "not started"; readonly code: string; readonly text: string }
  /** So many held calls have reached their handler. */
  | { readonly type: "taken"; readonly count: number }
  | { readonly type: "log"; readonly level: string; readonly text: string }
  | { readonly type: "status"; readonly phase: NodePhase; readonly links: readonly string[]; readonly connections: number }
  /** Nothing keeps the process alive any more. */
  | { readonly type: "ending"; readonly phase: NodePhase };

type ReportOf<T extends Report["type"]> = Extract<Report, { readonly type: T }>;

export class MemberProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #reports: Report[] = [];
  readonly #exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  readonly #waiting = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, "exit").then(([code, signal]) => ({ code, signal }));
    child.on("message", (report: Report) => {
      this.#reports.push(report);
      this.#look();
    });
    child.on("exit", () => this.#look());
  }

  /** A process that starts its node; whether that succeeds, it reports. */
  static fork(folder: string, address: string, options: Pick<NodeOptions, "link" | "rpc"> = {}): MemberProcess {
    return new MemberProcess(fork(PROGRAM, [folder, address, JSON.stringify(options)], { execArgv: ["--import", "tsx"] }));
  }

  /** Resolves when its node is up. */
  static async start(folder: string, address: string, options: Pick<NodeOptions, "link" | "rpc"> = {}): Promise<MemberProcess> {
    const member = MemberProcess.fork(folder, address, options);
    await member.report("up");
    return member;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** What it logged. */
  get log(): readonly string[] {
    return this.#reports.flatMap((report) => (report.type === "log" ? [`${report.level}: ${report.text}`] : []));
  }

  /** The first report of this type for which `condition` holds, those included that came before. The test's timeout bounds it. */
  report<T extends Report["type"]>(type: T, condition: (report: ReportOf<T>) => boolean = () => true): Promise<ReportOf<T>> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.#reports.find((report) => report.type === type && condition(report as ReportOf<T>));
        if (found === undefined && this.#child.exitCode === null && this.#child.signalCode === null) return;
        this.#waiting.delete(look);
        if (found !== undefined) resolve(found as ReportOf<T>);
        else reject(new Error(`the process ended without the report "${type}": ${JSON.stringify(this.#reports)}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** Resolves when so many held calls have reached their handler. */
  async took(count: number): Promise<void> {
    await this.report("taken", (report) => report.count === count);
  }

  /** Lets the handlers of held calls answer. */
  release(): void {
    this.#order("release");
  }

  async status(): Promise<ReportOf<"status">> {
    const before = this.#reports.length;
    this.#order("status");
    return await this.report("status", (report) => this.#reports.indexOf(report) >= before);
  }

  /** As a process on a machine that hangs: it does nothing any more. */
  stop(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Goes on where it was stopped. */
  continue(): void {
    this.#child.kill("SIGCONT");
  }

  /** As `kill -9`: the process says nothing any more to anybody. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** How it ended. */
  get exited(): Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }> {
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #order(order: Order): void {
    this.#child.send(order);
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }
}
