/** What every failure of the library must look like: one line with all that a stranger needs, fields to branch on, a place in the docs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { RpcError } from "../../src/errors.js";

export interface ExpectedFailure {
  readonly code: string;
  readonly execution: "notRun" | "unknown" | "ran";
  readonly method: string;
  /** The address that was called, or `undefined` when none was chosen. */
  readonly peer: string | undefined;
  /** What stands in place of the address then. */
  readonly whom?: string;
  readonly from: string;
  /** The rest of the line, with `<endpoint>`, `<n>`, `<s>` (seconds), `<ms>` and `<any>` where it varies. */
  readonly reason: string;
  /** Name of the class of `error.cause`; `undefined`: there is none. */
  readonly cause?: string;
  /** Milliseconds that the failure may take. Default 2,000. */
  readonly withinMs?: number;
}

/** Waits for `promise` to reject as expected. */
export async function expectFailure(promise: Promise<unknown>, expected: ExpectedFailure): Promise<RpcError> {
  const began = performance.now();
  const error = await rejection(promise);
  const took = performance.now() - began;
  if (!(error instanceof RpcError)) throw error;
  const { code, execution, method, peer, whom, from, reason, cause, withinMs = 2_000 } = expected;
  const line = `${code} calling ${method} on ${peer ?? whom} from ${from} (${execution}): ${reason}`;
  assertLine(error, line);
  assert.deepEqual(
    { code: error.code, execution: error.execution, method: error.method, peer: error.peer },
    { code, execution, method, peer: peer ?? "0.0.0" },
  );
  assert.match(error.reason.replace(/\s+/g, " "), patternOf(reason), "the reason is the line without what stands around it");
  assert.equal((error.cause as Error | undefined)?.constructor.name, cause, String(error.cause));
  assert.ok(took < withinMs, `it took ${took} ms`);
  return error;
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`it should have failed, and gave ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
}

/** The message is `expected`, one line, and stands in docs/errors.md. */
export function assertLine(error: Error, expected: string): void {
  assert.match(error.message, patternOf(expected), `expected: ${expected}`);
  assert.match(String(error), /^[^\p{Cc}\u2028\u2029]+$/u, "one line");
  assert.ok(documentedShapes().has(shapeOf(error.message)), `not in docs/errors.md: ${error.message}\nas: ${shapeOf(error.message)}`);
}

/** What is the same in every message of a kind: addresses, endpoints, numbers, names and quoted texts are left out. */
export function shapeOf(message: string): string {
  return (
    message
      .replace(/ calling .+? on (?:any node of type \S+|"(?:[^"\\]|\\.)*"|\S+) from /g, " calling <method> on <target> from ")
      .replace(/"(?:[^"\\]|\\.)*"/g, "<text>")
      .replace(/, \d+ attempts in [\d.]+ s/g, "")
      .replace(/\S*\.json(?::\d+:\d+)?:/g, "<place>:")
      .replace(/\[[0-9a-f:]+\]:\d+|\b[\w-]+(?:\.[\w-]+)*:\d+\b/gi, "<endpoint>")
      .replace(/\b\d+\.\d+\.\d+\b/g, "<address>")
      .replace(/-?\b\d+(?:\.\d+)?\b/g, "<n>")
      // How far dialing has come when a limit is hit, is a matter of milliseconds.
      .replace(/^((?:DEADLINE|RESOURCE).*?: dial <endpoint>: )[^;]*/, "$1<progress>")
  );
}

let shapes: ReadonlySet<string> | undefined;

/** The shapes of the examples on the page: the lines of its code fences. */
export function documentedShapes(): ReadonlySet<string> {
  shapes ??= new Set(
    [...errorsPage().matchAll(/^```text\n([\s\S]*?)^```$/gm)].flatMap(([, block]) => block!.trimEnd().split("\n")).map(shapeOf),
  );
  return shapes;
}

export function errorsPage(): string {
  return readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
}

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  "<endpoint>": String.raw`[\w.]+:\d+`,
  "<n>": String.raw`\d+`,
  "<s>": String.raw`\d+\.\d`,
  "<ms>": String.raw`\d+`,
  "<any>": ".+?",
};

function patternOf(expected: string): RegExp {
  const escaped = expected.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/<(?:endpoint|n|s|ms|any)>/g, (placeholder) => PLACEHOLDERS[placeholder]!)}$`);
}
