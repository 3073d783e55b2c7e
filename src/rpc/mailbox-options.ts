/** What a mailbox is made with: documented here, checked once. */
import { z } from "zod/v3"; // as src/node/options.ts
import { InvalidOptionsError } from "../errors.js";
import type { Clock } from "../internal/clock.js";
import type { Resolved } from "../internal/resolved.js";
import { systemClock } from "../internal/system-clock.js";

export interface MailboxOptions {
  /** How errors call it. Default `"mailbox"`. */
  name?: string | undefined;
  /** Tasks that wait for one key, beside the one that runs; 0 for none. Default 1,024. */
  maxQueued?: number | undefined;
  /** Tasks that wait for all keys together. Past it new ones are refused, whatever `overflow` says, unless one of their own key makes room. Default 65,536. */
  maxQueuedTotal?: number | undefined;
  /**
   * Who leaves when there is no room: `"reject"` the new task, `"drop-oldest"` the one of its key that has waited longest (the last
   * state counts more than the first). Either fails with RESOURCE_EXHAUSTED, nothing is dropped in silence. Default `"reject"`.
   */
  overflow?: "reject" | "drop-oldest" | undefined;
  /** Time for `status()`; a virtual one in tests. */
  clock?: Clock | undefined;
}

const mailboxOptions = z
  .object({
    name: z.string().min(1).default("mailbox"),
    maxQueued: z.number().int().nonnegative().default(1_024),
    maxQueuedTotal: z.number().int().nonnegative().default(65_536),
    overflow: z.enum(["reject", "drop-oldest"]).default("reject"),
    clock: z.custom<Clock>((value) => typeof (value as Clock | undefined)?.now === "function", "expected a clock").default(systemClock),
  })
  .strict() satisfies z.ZodType<Resolved<MailboxOptions>, z.ZodTypeDef, MailboxOptions>; // a missing key or default does not compile

/** @throws {@link InvalidOptionsError} listing every fault. */
export function resolveMailboxOptions(options: MailboxOptions): Resolved<MailboxOptions> {
  const result = mailboxOptions.safeParse(options);
  if (result.success) return Object.freeze(result.data);
  throw new InvalidOptionsError(
    "mailbox options",
    result.error.issues.map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`)),
  );
}
