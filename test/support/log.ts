/** A logger that keeps what it is told. */
import type { Logger } from "../../src/internal/logger.js";

export class Log implements Logger {
  readonly lines: { readonly level: keyof Logger; readonly text: string }[] = [];
  readonly trace = this.#at("trace");
  readonly debug = this.#at("debug");
  readonly info = this.#at("info");
  readonly warn = this.#at("warn");
  readonly error = this.#at("error");

  /** What was told at `level`. */
  at(level: keyof Logger): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  #at(level: keyof Logger): (fields: object, text: string) => void {
    return (_fields, text) => void this.lines.push({ level, text });
  }
}
