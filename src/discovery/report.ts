/** What a node's owner should hear about discovery, and the same thing only once. */
import type { Clock } from "../internal/clock.js";

export type DiscoveryReportType =
  /** A report of the adapter, or a record in it, that makes no sense. What was right with it counts. */
  | "bad-event"
  /** The watch failed or ended; the last members stay and it is tried again. */
  | "watch-failed"
  /** The watch has said nothing yet. */
  | "watch-silent"
  /** The watch works again. */
  | "watch-recovered"
  /** Registering failed and is tried again. */
  | "registration-failed"
  | "registered"
  /** The store lost this node's entry; it is registered again. */
  | "registration-lost"
  /** The store did not take a change of this node's entry; it is sent again. */
  | "update-failed"
  /** The entry could not be taken away in time; others see this node until its lease ends. */
  | "deregistration-failed"
  /** A listener of `onChange` threw. */
  | "listener-failed";

/** One line for the log. */
export interface DiscoveryReport {
  readonly type: DiscoveryReportType;
  readonly level: "info" | "warn";
  readonly text: string;
  readonly cause?: unknown;
}

/** A problem that went away and came back within this time is not told again. */
const REPEAT_MS = 60_000;

interface Told {
  readonly text: string;
  readonly at: number;
  /** How often it happened again since. */
  again: number;
  /** `"held"`: it came back so soon after it was over that it has not been told again. */
  state: "standing" | "held" | "over";
}

/** Passes reports on. A problem is told when it begins or changes, not at each of its attempts; then, when it is over. */
export class Reporter {
  readonly #clock: Clock;
  readonly #report: (report: DiscoveryReport) => void;
  readonly #told = new Map<DiscoveryReportType, Told>();

  constructor(clock: Clock, report: (report: DiscoveryReport) => void) {
    this.#clock = clock;
    this.#report = report;
  }

  info(type: DiscoveryReportType, text: string): void {
    this.#report({ type, level: "info", text });
  }

  warn(type: DiscoveryReportType, text: string, cause?: unknown): void {
    const now = this.#clock.now();
    const last = this.#told.get(type);
    const same = last !== undefined && last.text === text;
    if (same && (last.state === "standing" || now - last.at < REPEAT_MS)) {
      last.again++;
      if (last.state === "over") last.state = "held";
      return;
    }
    this.#told.set(type, { text, at: now, again: 0, state: "standing" });
    const again = same && last.again > 0 ? ` (${last.again} more times since it was last told)` : "";
    this.#report({ type, level: "warn", text: text + again, ...(cause === undefined ? {} : { cause }) });
  }

  /** The problem of this type is over. Returns whether there was one that had been told. */
  over(type: DiscoveryReportType): boolean {
    const last = this.#told.get(type);
    if (last === undefined) return false;
    const wasTold = last.state === "standing";
    last.state = "over";
    return wasTold;
  }

  /** The problem of this type that is not over, for messages about what follows from it. */
  standing(type: DiscoveryReportType): string | undefined {
    const last = this.#told.get(type);
    return last === undefined || last.state === "over" ? undefined : last.text;
  }
}
