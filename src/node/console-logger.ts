/** The logger of those who bring none: warnings and errors to the console, more with `CLUSTERTS_LOG=debug`. */
import type { Logger, LogLevel } from "../internal/logger.js";

const LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

function threshold(): number {
  const asked = LEVELS.indexOf((process.env.CLUSTERTS_LOG ?? "warn") as LogLevel);
  return asked < 0 ? LEVELS.indexOf("warn") : asked;
}

function write(level: LogLevel, fields: object, message: string): void {
  if (LEVELS.indexOf(level) < threshold()) return;
  const { err } = fields as { err?: unknown };
  const line = `${new Date().toISOString()} ${level} clusterts: ${message}`;
  process.stderr.write(err instanceof Error && err.stack !== undefined ? `${line}\n${err.stack}\n` : `${line}\n`);
}

export const consoleLogger: Logger = {
  trace: (fields, message) => write("trace", fields, message),
  debug: (fields, message) => write("debug", fields, message),
  info: (fields, message) => write("info", fields, message),
  warn: (fields, message) => write("warn", fields, message),
  error: (fields, message) => write("error", fields, message),
};
