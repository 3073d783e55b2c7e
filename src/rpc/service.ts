/**
 * What generated code is made of: methods, messages, and the two interfaces that a node offers to stubs.
 * Browser-safe, no Node.js built-ins.
 */
import type { AddressLike, AddressText, LogicalAddress } from "../addr/logical-address.js";
import type { AbortSignal } from "../internal/abort-signal.js";
import type { BinaryReader } from "../protobuf/binary-reader.js";
import type { BinaryWriter } from "../protobuf/binary-writer.js";
import { nameHash } from "./name-hash.js";
import type { Picker } from "./picker.js";

export type { AddressLike, AddressText, LogicalAddress };

/** Where a call goes: an address, its text, or a picker that is asked anew at each attempt. */
export type Target = AddressLike | Picker;

/** Encoder and decoder of one protobuf message, as ts-proto writes them. */
export interface Codec<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
  /** Fills in what `partial` leaves out. */
  fromPartial(partial: never): T;
}

export type MethodKind = "unary" | "server" | "client" | "bidi";

/** One RPC: its full name, the 32-bit hash of it that travels, and its two codecs. */
export interface Method<I, O> {
  readonly name: string;
  readonly id: number;
  readonly kind: MethodKind;
  readonly input: Codec<I>;
  readonly output: Codec<O>;
}

/** A method of which more is known than that it has some kind. */
export type MethodOf<I, O, K extends MethodKind> = Method<I, O> & { readonly kind: K };

/** Makes a {@link Method}; `name` is `"package.Service/method"`, or the file's name in the one-file convention. */
export function defineMethod<I, O, K extends MethodKind = MethodKind>(
  name: string,
  kind: K,
  input: Codec<I>,
  output: Codec<O>,
): MethodOf<I, O, K> {
  return Object.freeze({ name, id: nameHash(name), kind, input, output });
}

/** What may be left out of what is sent, at every depth: a new field breaks no sender. */
export type DeepPartial<T> = unknown extends T
  ? T
  : T extends Date | Uint8Array | string | number | boolean | bigint | null | undefined
    ? T
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<K, DeepPartial<V>>
      : T extends ReadonlyArray<infer U>
        ? ReadonlyArray<DeepPartial<U>>
        : { [K in keyof T]?: DeepPartial<T[K]> | undefined };

/** A message that can be sent on its own, known by its registered id (`option (clusterts.msg_id) = N`). */
export interface Message<T> extends Codec<T> {
  readonly messageId: number;
  readonly messageName: string;
}

/** Metadata as callers write it: strings are sent as UTF-8. Keys are lower-case letters, digits, `-`, `_`, `.`. */
export type MetadataInit = Readonly<Record<string, string | Uint8Array>>;

export interface CallOptions {
  /** Milliseconds until `DEADLINE_EXCEEDED`, connecting included. Default 10,000; a call inside a handler never outlives the handler's own deadline. */
  timeoutMs?: number | undefined;
  /** Aborting it cancels the call, at the handler too. */
  signal?: AbortSignal | undefined;
  metadata?: MetadataInit | undefined;
  /** `true`: the deadline of the surrounding handler does not apply. */
  detached?: boolean | undefined;
}

export interface PostOptions {
  metadata?: MetadataInit | undefined;
}

/** What a handler knows about the request it runs for. */
export interface Context {
  /** The node that sent the request; `0` when it is an anonymous tool. */
  readonly from: LogicalAddress;
  /** Aborted when the caller cancels, its deadline passes, or its link is lost. Made on first use. */
  readonly signal: AbortSignal;
  /** When the caller stops waiting, on the node's monotonic clock in milliseconds; `Infinity` for one-way messages. */
  readonly deadlineAt: number;
  /** Milliseconds until then. */
  readonly remainingMs: number;
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  /** Full name of the method or message. */
  readonly method: string;
}

export type UnaryHandler<I, O, C = Context> = (request: I, context: C) => O | Promise<O>;

/** The calling side of a node, as stubs see it. Also what gateway clients offer. */
export interface Caller {
  /**
   * Runs one call. The result is a promise of the reply for unary and client streaming; otherwise an async iterable of the
   * replies, for which the call begins as they are iterated, once.
   */
  invoke<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: CallOptions): unknown;
  /** Sends the request one-way: the handler runs, nobody waits for it. Resolves when it was handed to the link. */
  post<I, O>(to: Target | undefined, method: Method<I, O>, input: unknown, options?: PostOptions): Promise<void>;
}

/** The serving side of a node, as stubs see it. */
export interface Registrar<C = Context> {
  /** @throws Error when the method, or another one with the same 32-bit hash, has a handler already. */
  handle<I, O>(method: Method<I, O>, handler: (input: never, context: C) => unknown): void;
}
