/** What the library says, and to whom. Fits pino and its like: fields first, then the text. */
export interface Logger {
  trace(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export type LogLevel = keyof Logger;

/** From the least to the most urgent. */
export const LOG_LEVELS: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];

export const silentLogger: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
