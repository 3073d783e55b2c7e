/** The logger of those who bring none: warnings and errors to the console, more with `CLUSTERTS_LOG=debug`. */
import { LOG_LEVELS, type Logger, type LogLevel } from "../internal/logger.js";

/** A logger that writes what is at `level` or above. */
export function consoleLoggerFrom(level: LogLevel): Logger {
  const threshold = LOG_LEVELS.indexOf(level);
  return loggerAbove(() => threshold);
}

export const consoleLogger: Logger = loggerAbove(() => {
  const asked = process.env.CLUSTERTS_LOG?.toLowerCase() ?? "warn";
  if (asked === "off") return LOG_LEVELS.length;
  const level = LOG_LEVELS.indexOf(asked as LogLevel);
  return level < 0 ? LOG_LEVELS.indexOf("warn") : level;
});

function loggerAbove(threshold: () => number): Logger {
  const write = (level: LogLevel, fields: object, message: string): void => {
    if (LOG_LEVELS.indexOf(level) < threshold()) return;
    const { err } = fields as { err?: unknown };
    const line = `${new Date().toISOString()} ${level} clusterts: ${message}`;
    process.stderr.write(err instanceof Error && err.stack !== undefined ? `${line}\n${err.stack}\n` : `${line}\n`);
  };
  return {
    trace: (fields, message) => write("trace", fields, message),
    debug: (fields, message) => write("debug", fields, message),
    info: (fields, message) => write("info", fields, message),
    warn: (fields, message) => write("warn", fields, message),
    error: (fields, message) => write("error", fields, message),
  };
}
