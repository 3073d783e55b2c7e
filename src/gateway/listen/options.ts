/** What the options of listeners and gateways are checked with. */
import { z } from "zod/v3";
import { InvalidOptionsError } from "../../errors.js";
import { closest } from "../../internal/closest.js";
import { MAX_TIMER_MS } from "../../internal/timer-limit.js";

export const port = z.number().int().min(0).max(65_535);
export const host = z.string().min(1).optional();
export const count = (standard: number): z.ZodDefault<z.ZodNumber> => z.number().int().positive().default(standard);
export const ms = (standard: number): z.ZodDefault<z.ZodNumber> => z.number().positive().max(MAX_TIMER_MS).default(standard);
export const msOrNever = (standard: number): z.ZodDefault<z.ZodUnion<[z.ZodNumber, z.ZodLiteral<false>]>> =>
  z.union([z.number().positive().max(MAX_TIMER_MS), z.literal(false)]).default(standard);

const pem = z.union([z.string(), z.instanceof(Uint8Array) as z.ZodType<Uint8Array>], {
  errorMap: () => ({ message: "expected PEM: the text or the bytes of a file" }),
});
export const tls = z.object({ cert: pem, key: pem, passphrase: z.string().optional() }).strict().optional();

/** A function. */
export function fn<T>(): z.ZodType<T, z.ZodTypeDef, T> {
  return z.custom<T>((value) => typeof value === "function", { message: "expected a function" });
}

/** @throws {@link InvalidOptionsError} listing every fault. */
export function checked<Schema extends z.AnyZodObject>(what: string, schema: Schema, options: unknown): z.output<Schema> {
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  throw new InvalidOptionsError(
    what,
    result.error.issues.map((issue) => faultOf(issue, Object.keys(schema.shape))),
  );
}

function faultOf(issue: z.ZodIssue, keys: readonly string[]): string {
  if (issue.code !== "unrecognized_keys") return `${issue.path.join(".")}${issue.path.length > 0 ? ": " : ""}${issue.message}`;
  const wrong = issue.keys.map((key) => {
    const meant = closest(key, keys);
    return `${JSON.stringify(key)}${meant === undefined ? "" : ` (did you mean "${meant}"?)`}`;
  });
  return `there is no option ${wrong.join(", ")}`;
}
