/** A headless Chromium, where there is one: opens a page, waits until something is true of it, takes its picture. Driven over a pipe. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly result?: { readonly [key: string]: unknown };
  readonly error?: { readonly message: string };
}

/** The program, `undefined` where none is installed. */
export function findChromium(): string | undefined {
  return ["chromium", "chromium-browser", "google-chrome"].find((name) => spawnSync(name, ["--version"]).status === 0);
}

export class Chromium implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "clusterts-chromium-"));
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (result: Record<string, unknown>) => void; reject: (error: Error) => void }>();
  readonly #onLoad = new Map<string, () => void>();
  readonly #exited: Promise<void>;
  #received = "";
  #nextId = 1;

  constructor(program: string) {
    this.#process = spawn(
      program,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,900",
        "--remote-debugging-pipe",
        `--user-data-dir=${this.#folder}`,
      ],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    this.#exited = new Promise((resolve) => this.#process.once("exit", () => resolve()));
    void this.#exited.then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium has ended"));
    });
    (this.#process.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#onData(text));
  }

  async open(url: string): Promise<Page> {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const session = String(sessionId);
    await this.send("Page.enable", {}, session);
    const loaded = new Promise<void>((resolve) => this.#onLoad.set(session, resolve));
    await this.send("Page.navigate", { url }, session);
    await loaded;
    return new Page(this, session);
  }

  send(method: string, params: object, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  #onData(text: string): void {
    const parts = (this.#received + text).split("\0");
    this.#received = parts.pop() ?? "";
    for (const part of parts) {
      const { id, result, error, method, sessionId = "" } = JSON.parse(part) as Message;
      if (method === "Page.loadEventFired") this.#onLoad.get(sessionId)?.();
      const waiting = id === undefined ? undefined : this.#waiting.get(id);
      if (id === undefined || waiting === undefined) continue;
      this.#waiting.delete(id);
      if (error === undefined) waiting.resolve(result ?? {});
      else waiting.reject(new Error(error.message));
    }
  }
}

export class Page {
  readonly #browser: Chromium;
  readonly #session: string;

  constructor(browser: Chromium, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  /** The value of an expression; a promise is awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.#browser.send("Runtime.evaluate", params, this.#session)) as {
      result: { value?: unknown };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    };
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Resolves when `condition`, an expression, has become true: looked at whenever the page changes. */
  async until(condition: string, timeoutMs = 20_000): Promise<void> {
    await this.evaluate(`new Promise((resolve, reject) => {
      const look = () => { try { if (${condition}) { observer.disconnect(); resolve(); } } catch (error) { reject(error); } };
      const observer = new MutationObserver(look);
      observer.observe(document, { childList: true, subtree: true, characterData: true, attributes: true });
      setTimeout(() => reject(new Error(${JSON.stringify(`not within ${timeoutMs} ms: ${condition}; the page reads `)} + document.body.innerText)), ${timeoutMs});
      look();
    })`);
  }

  /** Writes its picture to `path`. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.#browser.send("Page.captureScreenshot", { format: "png" }, this.#session);
    writeFileSync(path, Buffer.from(String(data), "base64"));
  }
}
