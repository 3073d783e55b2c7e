/**
 * A stream between two nodes, as programs see it. At run time a Node.js `Duplex`; its type is made of the program's own
 * types of Node.js, where it has any, so that it goes wherever a `Duplex` does. Without them it is what is declared here.
 */
import type { LogicalAddress } from "../addr/logical-address.js";

export interface ClusterStream extends DuplexBase {
  /** The node at the other end. */
  readonly peer: LogicalAddress;
  /** What is spoken on it, as its opener said. */
  readonly protocol: string;
  /** What its opener said with it. */
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Bytes that have arrived, and that were handed to the connection. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** As `destroy(error)`, and tells the other end `code`; the application's own codes begin at 65,536. */
  reset(code: number, error?: Error): this;

  on(event: "data", listener: (chunk: Bytes) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "close" | "drain" | "end" | "finish" | "pause" | "readable" | "resume", listener: () => void): this;
  on(event: string | symbol, listener: (...args: never[]) => void): this;
  once(event: "data", listener: (chunk: Bytes) => void): this;
  once(event: "error", listener: (error: Error) => void): this;
  once(event: "close" | "drain" | "end" | "finish" | "pause" | "readable" | "resume", listener: () => void): this;
  once(event: string | symbol, listener: (...args: never[]) => void): this;
  addListener(event: string | symbol, listener: (...args: never[]) => void): this;
  prependListener(event: string | symbol, listener: (...args: never[]) => void): this;
  prependOnceListener(event: string | symbol, listener: (...args: never[]) => void): this;
  off(event: string | symbol, listener: (...args: never[]) => void): this;
  removeListener(event: string | symbol, listener: (...args: never[]) => void): this;
  removeAllListeners(event?: string | symbol): this;
  emit(event: string | symbol, ...args: unknown[]): boolean;
  setMaxListeners(count: number): this;

  destroy(error?: Error): this;
  end(callback?: () => void): this;
  end(chunk: Uint8Array | string, callback?: () => void): this;
  end(text: string, encoding?: TextEncoding, callback?: () => void): this;
  pause(): this;
  resume(): this;
  /** Leaving the loop before the end destroys the stream. Its end does not: what was asked can be answered then. */
  [Symbol.asyncIterator](): AsyncGenerator<Bytes, void, undefined>;
}

/** What a stream gives: a `Buffer`, where the program has its type. */
type Bytes = typeof globalThis extends { Buffer: { alloc(size: number): infer Buffer extends Uint8Array } } ? Buffer : Uint8Array;

/** Encodings that Node.js knows, where text is written. */
type TextEncoding =
  | "utf8"
  | "utf-8"
  | "ascii"
  | "utf16le"
  | "utf-16le"
  | "ucs2"
  | "ucs-2"
  | "base64"
  | "base64url"
  | "latin1"
  | "binary"
  | "hex";

/** Members of a `Duplex` that give the stream itself, or its bytes: declared above. */
type Redeclared =
  | "on"
  | "once"
  | "addListener"
  | "prependListener"
  | "prependOnceListener"
  | "off"
  | "removeListener"
  | "removeAllListeners"
  | "emit"
  | "setMaxListeners"
  | "destroy"
  | "end"
  | "pause"
  | "resume"
  | "setEncoding"
  | "setDefaultEncoding"
  | "wrap"
  | "unpipe"
  | typeof Symbol.asyncIterator;

/** What a terminal has and a `Duplex` has not. */
type OfTerminals =
  | "fd"
  | "isTTY"
  | "columns"
  | "rows"
  | "clearLine"
  | "clearScreenDown"
  | "cursorTo"
  | "moveCursor"
  | "getColorDepth"
  | "hasColors"
  | "getWindowSize"
  | "destroySoon"
  | "connect"
  | "setTimeout"
  | "setNoDelay"
  | "setKeepAlive"
  | "address"
  | "ref"
  | "unref"
  | "resetAndDestroy"
  | "getTypeOfService"
  | "setTypeOfService"
  | "autoSelectFamilyAttemptedAddresses"
  | "bufferSize"
  | "bytesRead"
  | "bytesWritten"
  | "connecting"
  | "pending"
  | "localAddress"
  | "localPort"
  | "localFamily"
  | "readyState"
  | "remoteAddress"
  | "remoteFamily"
  | "remotePort"
  | "timeout";

/** The one `Duplex` whose type is global: a terminal is one. */
type DuplexBase = typeof globalThis extends { process: { stdout: infer Stdout extends { writableCorked: number } } }
  ? Omit<Stdout, Redeclared | OfTerminals> & Returning<Stdout>
  : BareDuplex;

/** Those of {@link Redeclared} that nobody needs to chain, as the program's types have them. */
type Returning<Duplex> = Pick<Duplex, Extract<keyof Duplex, "setEncoding" | "setDefaultEncoding" | "wrap" | "unpipe">>;

/** What a program without the types of Node.js sees of a `Duplex`. */
interface BareDuplex {
  readonly readable: boolean;
  readonly writable: boolean;
  readonly destroyed: boolean;
  readonly closed: boolean;
  readonly errored: Error | null;
  readonly readableEnded: boolean;
  readonly readableLength: number;
  readonly readableHighWaterMark: number;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly writableLength: number;
  readonly writableHighWaterMark: number;
  readonly writableNeedDrain: boolean;
  read(size?: number): Uint8Array | null;
  write(chunk: Uint8Array | string, callback?: (error: Error | null | undefined) => void): boolean;
  cork(): void;
  uncork(): void;
  isPaused(): boolean;
  unshift(chunk: Uint8Array): void;
  pipe<Destination extends object>(destination: Destination, options?: { end?: boolean }): Destination;
}
