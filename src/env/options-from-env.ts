/** Options from environment variables, so that a process needs no configuration file of its own. docs/guides/configuration.md lists them. */
import { readFileSync } from "node:fs";
import { InvalidOptionsError } from "../errors.js";
import { parseTap } from "../events/tap-filter.js";
import { closest } from "../internal/closest.js";
import { LOG_LEVELS } from "../internal/logger.js";
import { consoleLoggerFrom } from "../node/console-logger.js";
import { faultsOfOption, type NodeOptions } from "../node/options.js";
import type { TlsOptions } from "../transport/tls-options.js";
import { discoveryFromText } from "./discovery-from-text.js";
import { type TlsFiles, tlsFromFiles } from "./tls-from-files.js";

/** A process's environment, or a part of it. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type EnvironmentOptions = Pick<
  NodeOptions,
  | "address"
  | "discovery"
  | "harbors"
  | "harborSecrets"
  | "cluster"
  | "secrets"
  | "tls"
  | "listen"
  | "advertise"
  | "export"
  | "insecure"
  | "tls"
  | "admin"
  | "logger"
  | "metadata"
  | "version"
>;

const NAMES = [
  "CLUSTERTS_ADDRESS",
  "CLUSTERTS_DISCOVERY",
  "CLUSTERTS_HARBORS",
  "CLUSTERTS_HARBOR_SECRET",
  "CLUSTERTS_CLUSTER",
  "CLUSTERTS_SECRET",
  "CLUSTERTS_SECRET_FILE",
  "CLUSTERTS_TLS_CA",
  "CLUSTERTS_TLS_CERT",
  "CLUSTERTS_TLS_KEY",
  "CLUSTERTS_LISTEN",
  "CLUSTERTS_ADVERTISE",
  "CLUSTERTS_EXPORT",
  "CLUSTERTS_INSECURE",
  "CLUSTERTS_ADMIN",
  "CLUSTERTS_LOG",
  "CLUSTERTS_TAP",
  "CLUSTERTS_METADATA",
  "CLUSTERTS_VERSION",
] as const;

type Name = (typeof NAMES)[number];

/** What others set: the simulator, and Kubernetes for a service that is called `clusterts`. */
const FOREIGN = /^CLUSTERTS_(SEED|SERVICE|PORT)(_|$)/;

/**
 * Takes options from `CLUSTERTS_ADDRESS`, `CLUSTERTS_DISCOVERY` and others. What is not set, or empty, is left out; that the
 * address or the discovery is missing shows in `createNode()`, so that one may be given there:
 *
 *     createNode(optionsFromEnv());
 *     createNode({ ...optionsFromEnv(), address: "1.2.1" });
 *
 * @param env - default: the environment of this process.
 * @throws {@link InvalidOptionsError} naming every variable that is wrong.
 */
export function optionsFromEnv(env: Environment = process.env): EnvironmentOptions {
  const reader = new Reader(env);
  const cluster = reader.option("CLUSTERTS_CLUSTER", "cluster", String);
  const secrets = reader.secrets();
  const harborSecrets = reader.option("CLUSTERTS_HARBOR_SECRET", "harborSecrets", (text) => listOf(text, ","));
  const tls = reader.tls();
  const options = {
    address: reader.option("CLUSTERTS_ADDRESS", "address", String),
    discovery: reader.read("CLUSTERTS_DISCOVERY", (text) => discoveryFromText(text, { secrets, cluster, tls })),
    harbors: reader.read("CLUSTERTS_HARBORS", (text) => discoveryFromText(text, { secrets: harborSecrets ?? secrets, cluster, tls })),
    harborSecrets,
    cluster,
    secrets,
    tls,
    listen: reader.option("CLUSTERTS_LISTEN", "listen", String),
    advertise: reader.option("CLUSTERTS_ADVERTISE", "advertise", String),
    export: reader.read("CLUSTERTS_EXPORT", (text) => (text === "enforced" ? text : yesOrNo(text))),
    insecure: reader.read("CLUSTERTS_INSECURE", yesOrNo) === true ? true : undefined,
    admin: reader.read("CLUSTERTS_ADMIN", yesOrNo),
    logger: reader.read("CLUSTERTS_LOG", loggerOf),
    metadata: reader.read("CLUSTERTS_METADATA", metadataOf),
    version: reader.option("CLUSTERTS_VERSION", "version", String),
  };
  reader.read("CLUSTERTS_TAP", parseTap); // createNode() acts on it
  reader.finish();
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as unknown as EnvironmentOptions;
}

class Reader {
  readonly #env: Environment;
  readonly #faults: string[] = [];

  constructor(env: Environment) {
    this.#env = env;
    for (const name of Object.keys(env)) {
      if (!name.startsWith("CLUSTERTS_") || NAMES.some((known) => known === name) || FOREIGN.test(name)) continue;
      const meant = closest(name, NAMES);
      // A name that is like none of ours may be the application's own.
      if (meant !== undefined) this.#faults.push(`there is no ${name} (did you mean ${meant}?)`);
    }
  }

  /** A variable, read by `parse`, whose complaint becomes the fault. */
  read<T>(name: Name, parse: (text: string) => T): T | undefined {
    const text = this.#env[name]?.trim();
    if (text === undefined || text === "") return undefined;
    try {
      return parse(text);
    } catch (error) {
      this.#faults.push(`${name}: ${error instanceof InvalidOptionsError ? error.faults.join("; ") : (error as Error).message}`);
      return undefined;
    }
  }

  /** A variable that stands for an option, with the faults that the option would have. */
  option<T>(name: Name, key: keyof NodeOptions, parse: (text: string) => T): T | undefined {
    return this.read(name, (text) => {
      const value = parse(text);
      const faults = faultsOfOption(key, value);
      if (faults.length > 0) throw new Error(faults.join("; "));
      return value;
    });
  }

  secrets(): readonly string[] | undefined {
    const inline = this.option("CLUSTERTS_SECRET", "secrets", (text) => listOf(text, ","));
    const inFile = this.option("CLUSTERTS_SECRET_FILE", "secrets", (path) => secretsIn(path));
    if (inline === undefined || inFile === undefined) return inline ?? inFile;
    this.#faults.push("CLUSTERTS_SECRET and CLUSTERTS_SECRET_FILE: both are set, and one is enough");
    return inline;
  }

  /** Each variable names a file. */
  tls(): TlsOptions | undefined {
    const read = (name: Name, option: keyof TlsFiles): TlsOptions | undefined =>
      this.read(name, (path) => tlsFromFiles({ ca: undefined, cert: undefined, key: undefined, [option]: path }, "."));
    const tls = { ...read("CLUSTERTS_TLS_CA", "ca"), ...read("CLUSTERTS_TLS_CERT", "cert"), ...read("CLUSTERTS_TLS_KEY", "key") };
    return Object.keys(tls).length === 0 ? undefined : tls;
  }

  finish(): void {
    if (this.#faults.length > 0) throw new InvalidOptionsError("environment", this.#faults);
  }
}

/** An empty file is a mistake, and not the wish for no secret. */
function secretsIn(path: string): string[] {
  const secrets = listOf(readFileSync(path, "utf8"), "\n");
  if (secrets.length === 0) throw new Error(`there is no secret in ${path}`);
  return secrets;
}

function listOf(text: string, separator: string): string[] {
  return text
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function yesOrNo(text: string): boolean {
  if (/^(1|true|yes|on)$/i.test(text)) return true;
  if (/^(0|false|no|off)$/i.test(text)) return false;
  throw new Error(`expected true or false, got ${JSON.stringify(text)}`);
}

function loggerOf(text: string): NodeOptions["logger"] {
  const level = LOG_LEVELS.find((known) => known === text.toLowerCase());
  if (level !== undefined) return consoleLoggerFrom(level);
  if (/^(off|none|silent)$/i.test(text)) return false;
  throw new Error(`expected ${LOG_LEVELS.join(", ")} or off, got ${JSON.stringify(text)}`);
}

/** `mode=ranked,map=sea` */
function metadataOf(text: string): Record<string, string> {
  const entries = listOf(text, ",").map((entry) => {
    const at = entry.indexOf("=");
    if (at < 1) throw new Error(`expected key=value, got ${JSON.stringify(entry)}`);
    return [entry.slice(0, at).trim(), entry.slice(at + 1).trim()] as const;
  });
  return Object.fromEntries(entries);
}
