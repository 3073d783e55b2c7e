/** Two groups in processes of their own, each with two harbors and a discovery file; node 1.1.1 is this process. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AddressText } from "../../src/addr/logical-address.js";
import { file } from "../../src/discovery/file.js";
import { type ClusterNode, startNode } from "../../src/node/node.js";
import type { NodeOptions } from "../../src/node/options.js";
import type { NodeStatus } from "../../src/node/status.js";
import type { CrossingJob } from "./processes/crossing.js";
import { freePort } from "./raw-server.js";

const PROGRAM = fileURLToPath(new URL("processes/crossing.ts", import.meta.url));
const GROUP_SECRETS = ["", "the secret of the nodes of group 1, 32 bytes", "the secret of the nodes of group 2, 32 bytes"];
const HARBOR_SECRET = "the secret of all the harbors, 32 bytes or more";

export const HARBORS = ["1.255.1", "1.255.2", "2.255.1", "2.255.2"] as const;
export const TARGETS = ["2.1.1", "2.1.2"] as const;
type Child = (typeof HARBORS)[number] | (typeof TARGETS)[number];

export interface ChildStatus extends Pick<NodeStatus, "callsInFlight" | "handlersRunning" | "harbor" | "requestsInProgress" | "streams"> {
  /** Of streams. */
  readonly unreadBytes: number;
  readonly rssBytes: number;
}

export class Crossing implements AsyncDisposable {
  readonly #folder: string;
  readonly #link: NodeOptions["link"];
  readonly #children = new Map<string, ChildProcess>();
  caller!: ClusterNode;

  private constructor(folder: string, link: NodeOptions["link"]) {
    this.#folder = folder;
    this.#link = link;
  }

  /** `link`: for all nodes. */
  static async start(link?: NodeOptions["link"]): Promise<Crossing> {
    const crossing = new Crossing(await mkdtemp(join(tmpdir(), "clusterts-crossing-")), link);
    const all = await Promise.all(
      [...HARBORS, ...TARGETS, "1.1.1"].map(async (address) => ({ address, endpoint: `127.0.0.1:${await freePort()}` })),
    );
    const lists = {
      "group-1.json": all.filter(({ address }) => address.startsWith("1.")),
      "group-2.json": all.filter(({ address }) => address.startsWith("2.")),
      "harbors.json": all.filter(({ address }) => address.includes(".255.")),
    };
    for (const [name, nodes] of Object.entries(lists)) await writeFile(crossing.#path(name), JSON.stringify({ nodes }));
    await Promise.all([...HARBORS, ...TARGETS].map((address) => crossing.spawn(address)));
    crossing.caller = await startNode({
      address: "1.1.1",
      discovery: file(crossing.#path("group-1.json")),
      secrets: [GROUP_SECRETS[1]!],
      link,
      logger: false,
    });
    return crossing;
  }

  async spawn(address: Child): Promise<void> {
    const group = Number(address[0]);
    const isHarbor = address.includes(".255.");
    const job: CrossingJob = {
      address: address as AddressText,
      discovery: this.#path(`group-${group}.json`),
      secrets: [GROUP_SECRETS[group]!],
      runs: this.#path(`runs-${address}`),
      ...(this.#link !== undefined && { link: this.#link }),
      ...(isHarbor && { harbors: this.#path("harbors.json"), harborSecrets: [HARBOR_SECRET] }),
    };
    const child = fork(PROGRAM, [JSON.stringify(job)], { execArgv: ["--import", "tsx"] });
    this.#children.set(address, child);
    const [message] = await Promise.race([once(child, "message"), once(child, "exit").then(([code]) => [`it exited with ${code}`])]);
    if (message !== "up") throw new Error(`${address} did not start: ${message}`);
  }

  /** Whatever the handlers of a node have run, in order; also of one that was killed. */
  runs(address: Child): string[] {
    return readFileSync(this.#path(`runs-${address}`), "utf8")
      .split("\n")
      .slice(0, -1);
  }

  async status(address: Child): Promise<ChildStatus> {
    const child = this.#children.get(address)!;
    const answer = once(child, "message");
    child.send("status");
    const [status] = await answer;
    return status as ChildStatus;
  }

  /** Lets streams of the protocol "paused" be read. */
  read(address: Child): void {
    this.#children.get(address)!.send("read");
  }

  /** The harbor of a group that relays streams now. */
  async relaying(group: 1 | 2): Promise<(typeof HARBORS)[number]> {
    for (const address of HARBORS)
      if (address.startsWith(`${group}.`) && ((await this.status(address)).harbor?.streams.open ?? 0) > 0) return address;
    throw new Error(`no harbor of group ${group} relays streams`);
  }

  /** The harbor of a group that has passed on most. */
  async used(group: 1 | 2): Promise<(typeof HARBORS)[number]> {
    const frames = await Promise.all(
      HARBORS.filter((address) => address.startsWith(`${group}.`)).map(
        async (address) => [address, (await this.status(address)).harbor!.frames] as const,
      ),
    );
    return frames.sort(([, one], [, other]) => other - one)[0]![0];
  }

  /** As `kill -9`. */
  async kill(address: Child): Promise<void> {
    const child = this.#children.get(address)!;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  stop(address: Child): void {
    this.#children.get(address)!.kill("SIGSTOP");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.caller?.close({ timeoutMs: 1 });
    await Promise.all([...this.#children.keys()].map((address) => this.kill(address as Child)));
    await rm(this.#folder, { recursive: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}
