/** Builds and runs the peer made with kcp-go, where Go and Debian's `golang-github-xtaci-kcp-dev` are found; nothing is downloaded. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const GOPATH = "/usr/share/gocode";
const PACKAGE = join(GOPATH, "src", "github.com", "xtaci", "kcp-go");
const BUILD_MS = 240_000;

/** The program's path, or why there is none. */
export type KcpGo = { readonly type: "built"; readonly program: string } | { readonly type: "missing"; readonly why: string };

export function buildKcpGo(): KcpGo {
  if (!existsSync(PACKAGE)) return { type: "missing", why: "kcp-go is not installed (apt-get install golang-github-xtaci-kcp-dev)" };
  const program = join(mkdtempSync(join(tmpdir(), "clusterts-kcp-go-")), "kcp-go-peer");
  const source = join(import.meta.dirname, "kcp-go-peer.go");
  const env = { ...process.env, GO111MODULE: "off", GOPATH, GOPROXY: "off" };
  const { status, error, stderr } = spawnSync("go", ["build", "-o", program, source], { env, encoding: "utf8", timeout: BUILD_MS });
  if (error !== undefined && "code" in error && error.code === "ENOENT") return { type: "missing", why: "Go is not installed" };
  if (status !== 0) throw new Error(`go build failed: ${stderr}`, { cause: error });
  return { type: "built", program };
}

/** One run of the program; ends with it. */
export class KcpGoPeer implements Disposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  constructor(program: string, ...args: string[]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
  }

  /** The number in the next line, which must begin with `word`. */
  async says(word: string): Promise<number> {
    const { value, done } = await this.#lines.next();
    const [said, number] = done === true ? [] : value.split(" ");
    if (said !== word) throw new Error(`expected ${word}, got ${value ?? "the end"}: ${this.#stderr}`);
    return Number(number);
  }

  [Symbol.dispose](): void {
    this.#child.kill();
  }
}
