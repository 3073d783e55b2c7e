/** The golden vectors, typed. Other implementations read the same file. */
import { readFileSync } from "node:fs";
import type { Hello } from "../../../src/wire/hello.js";

interface HelloFields extends Omit<Hello, "fromIncarnation" | "toIncarnation" | "nonce" | "keyIds"> {
  readonly fromIncarnation: string;
  readonly toIncarnation: string;
  readonly nonce: string;
  readonly keyIds: readonly string[];
}

export interface HeaderFields {
  readonly kind: number;
  readonly flags: number;
  readonly hops: number;
  readonly to: number;
  readonly from: number;
  readonly epoch: number;
  readonly seq: number;
  readonly remainingMs: number;
}

export interface OpeningVector {
  readonly name: string;
  readonly dialerSecrets: readonly string[];
  readonly acceptorSecrets: readonly string[];
  readonly purpose: 1 | 2 | 3;
  readonly from: number;
  readonly to: number;
  readonly fromIncarnation: string;
  readonly toIncarnation: string;
  readonly software: string;
  readonly binding: string;
  readonly dialerNonce: string;
  readonly acceptorNonce: string;
  readonly dialerHello: string;
  readonly acceptorHello: string;
  readonly dialerProof: string;
  readonly acceptorProof: string;
  readonly accepted: string;
}

interface Vectors {
  readonly preface: string;
  readonly addresses: readonly { readonly text: string; readonly number: number }[];
  readonly epochs: readonly { readonly incarnation: string; readonly epoch: number }[];
  readonly nameHashes: readonly { readonly name: string; readonly hash: number }[];
  readonly keyIds: readonly { readonly secret: string; readonly id: string }[];
  readonly hellos: readonly { readonly name: string; readonly hex: string; readonly fields: HelloFields }[];
  readonly proofs: readonly {
    readonly secret: string;
    readonly role: "dialer" | "acceptor";
    readonly purpose: number;
    readonly dialerHello: string;
    readonly acceptorHello: string;
    readonly binding: string;
    readonly mac: string;
  }[];
  readonly refusals: readonly { readonly hex: string; readonly number: number; readonly reason: string; readonly text: string }[];
  readonly waits: readonly { readonly hex: string; readonly ms: number }[];
  readonly openings: readonly OpeningVector[];
  readonly metadata: readonly { readonly name: string; readonly hex: string; readonly entries: readonly [string, string][] }[];
  readonly errors: readonly {
    readonly name: string;
    readonly hex: string;
    readonly fields: {
      readonly code: string;
      readonly appCode: number;
      readonly reason: string;
      readonly details: string | null;
      readonly path: readonly string[];
      readonly execution: "notRun" | "unknown" | "ran" | null;
    };
  }[];
  readonly goAways: readonly { readonly hex: string; readonly reason: string; readonly lastSeq: number; readonly text: string }[];
  readonly gones: readonly { readonly hex: string; readonly target: number; readonly lastSeq: number }[];
  readonly frames: readonly { readonly name: string; readonly hex: string; readonly header: HeaderFields; readonly body: string }[];
  readonly fragments: readonly {
    readonly name: string;
    readonly kind: number;
    readonly flags: number;
    readonly body: string;
    readonly frames: readonly string[];
  }[];
  readonly abort: string;
}

export const vectors = JSON.parse(readFileSync(new URL("../golden/vectors.json", import.meta.url), "utf8")) as Vectors;

export const hex = (text: string): Buffer => Buffer.from(text, "hex");

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
