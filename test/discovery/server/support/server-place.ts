/** A discovery server of one test, at one port and one data file through all its lives. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { discoveryServer, type ServerDiscovery } from "../../../../src/discovery/server/adapter.js";
import type { StartDiscoveryServerOptions } from "../../../../src/discovery/server/options.js";
import { type DiscoveryServer, startDiscoveryServer } from "../../../../src/discovery/server/server.js";

export class ServerPlace implements AsyncDisposable {
  readonly data: string;
  readonly #folder: string;
  readonly #options: StartDiscoveryServerOptions;
  readonly #adapters: ServerDiscovery[] = [];
  server: DiscoveryServer;

  private constructor(folder: string, options: StartDiscoveryServerOptions, server: DiscoveryServer) {
    this.#folder = folder;
    this.data = join(folder, "cluster.json");
    this.#options = { ...options, listen: server.endpoint, data: this.data };
    this.server = server;
  }

  static async start(options: StartDiscoveryServerOptions = {}, content?: string): Promise<ServerPlace> {
    const folder = await mkdtemp(join(tmpdir(), "clusterts-discovery-"));
    const data = join(folder, "cluster.json");
    if (content !== undefined) await writeFile(data, content);
    const all: StartDiscoveryServerOptions = { logger: false, ...options };
    const server = await startDiscoveryServer({ ...all, listen: "127.0.0.1:0", data });
    return new ServerPlace(folder, all, server);
  }

  /** An adapter of its own, with a connection of its own: as another process has it. */
  adapter(): ServerDiscovery {
    const adapter = discoveryServer(this.server.endpoint);
    this.#adapters.push(adapter);
    return adapter;
  }

  async stop(): Promise<void> {
    await this.server.close();
  }

  /** Another process at the same place, with what is on disk. */
  async startAgain(): Promise<void> {
    this.server = await startDiscoveryServer(this.#options);
  }

  async deleteData(): Promise<void> {
    for (const path of [this.data, `${this.data}.log`]) await rm(path);
  }

  read(): Promise<string> {
    return readFile(this.data, "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const adapter of this.#adapters) await adapter[Symbol.asyncDispose]();
    await this.server.close();
    await rm(this.#folder, { recursive: true });
  }
}
