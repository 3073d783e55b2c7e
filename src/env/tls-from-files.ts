/** TLS options out of files: what variables and command lines name. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { TlsOptions } from "../transport/tls-options.js";

/** Names of PEM files. A file may hold certificate and key both, and be named twice. */
export interface TlsFiles {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
}

/** `undefined` when no file is named. @throws Error of the system for a file that cannot be read. */
export function tlsFromFiles(files: TlsFiles, folder: string): TlsOptions | undefined {
  const named = Object.entries(files).filter(([, path]) => path !== undefined && path !== "");
  if (named.length === 0) return undefined;
  return Object.fromEntries(named.map(([option, path]) => [option, readFileSync(resolve(folder, path as string), "utf8")]));
}
