/** Random messages of the fixture's schema, shaped as generated code has them. */
import fc from "fast-check";
import { Color, type Everything, type Lists, type Maps, type Optionals, type Scalars, type Tree } from "../fixture/gen/everything.js";

// A failure is reported as far as it was made smaller by then.
fc.configureGlobal({ interruptAfterTimeLimit: 8000 });

export const int32 = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31)));
export const uint32 = fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, 2 ** 31, 2 ** 32 - 1));
export const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer().map(BigInt),
  fc.nat(62).chain((bits) => fc.constantFrom(2n ** BigInt(bits), 2n ** BigInt(bits) - 1n, -(2n ** BigInt(bits)))),
  fc.constantFrom(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)),
);
export const uint64 = int64.map((value) => BigInt.asUintN(64, value));
/** Every valid code point, and lengths on both sides of what the reader and the writer treat apart. */
export const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary-ascii", maxLength: 80 }),
  fc.string({ unit: "binary", minLength: 30, maxLength: 140 }),
  fc
    .tuple(fc.constantFrom("x", "é", "€", "😀", "\ufeff", "\ufffd", "\0"), fc.integer({ min: 0, max: 300 }))
    .map(([unit, count]) => unit.repeat(count)),
);
export const blob = fc.oneof(
  fc.uint8Array(),
  fc.integer({ min: 1000, max: 1050 }).map((length) => new Uint8Array(length).fill(7)),
);
const double = fc.double();
const float = fc.float();
const color = fc.constantFrom(...Object.values(Color));

const scalarFields = {
  aDouble: double,
  aFloat: float,
  anInt32: int32,
  anInt64: int64,
  aUint32: uint32,
  aUint64: uint64,
  aSint32: int32,
  aSint64: int64,
  aFixed32: uint32,
  aFixed64: uint64,
  aSfixed32: int32,
  aSfixed64: int64,
  aBool: fc.boolean(),
  aString: text,
  aBytes: blob,
  aColor: color,
};

/** `fc.record` without the null prototype, which generated code does not have. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const withoutMinusZero = (value: number): number => (value === 0 ? 0 : value);

/** A zero is not sent, whatever its sign: there is none of -0 here. */
export const scalars: fc.Arbitrary<Scalars> = record({
  ...scalarFields,
  aDouble: double.map(withoutMinusZero),
  aFloat: float.map(withoutMinusZero),
});

const orUndefined = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

export const optionals: fc.Arbitrary<Optionals> = record({
  aDouble: orUndefined(double),
  aFloat: orUndefined(float),
  anInt32: orUndefined(int32),
  anInt64: orUndefined(int64),
  aUint32: orUndefined(uint32),
  aUint64: orUndefined(uint64),
  aSint32: orUndefined(int32),
  aSint64: orUndefined(int64),
  aFixed32: orUndefined(uint32),
  aFixed64: orUndefined(uint64),
  aSfixed32: orUndefined(int32),
  aSfixed64: orUndefined(int64),
  aBool: orUndefined(fc.boolean()),
  aString: orUndefined(text),
  aBytes: orUndefined(blob),
  aColor: orUndefined(color),
});

/** A few fields at most: some tens of bytes. */
export const sparse: fc.Arbitrary<Optionals> = fc
  .tuple(optionals, fc.subarray(Object.keys(scalarFields) as (keyof Optionals)[], { maxLength: 3 }))
  .map(([message, names]) => Object.fromEntries(names.map((name) => [name, message[name]])));

export const lists: fc.Arbitrary<Lists> = record({
  doubles: fc.array(double),
  floats: fc.array(float),
  int32s: fc.array(int32),
  int64s: fc.array(int64),
  uint32s: fc.array(uint32),
  uint64s: fc.array(uint64),
  sint32s: fc.array(int32),
  sint64s: fc.array(int64),
  fixed32s: fc.array(uint32),
  fixed64s: fc.array(uint64),
  sfixed32s: fc.array(int32),
  sfixed64s: fc.array(int64),
  bools: fc.array(fc.boolean()),
  strings: fc.array(text),
  blobs: fc.array(blob),
  colors: fc.array(color),
});

const key = text.filter((name) => name !== "__proto__");

export const maps: fc.Arbitrary<Maps> = record({
  byString: fc.dictionary(key, text, { noNullPrototype: true }),
  byInt32: fc.dictionary(int32.map(String), int64, { noNullPrototype: true }),
  byUint64: fc.array(fc.tuple(uint64, blob)).map((entries) => new Map(entries)),
  messages: fc.dictionary(key, scalars, { noNullPrototype: true, maxKeys: 3 }),
});

/** A tree of at most `depth` generations. */
function treeOf(depth: number): fc.Arbitrary<Tree> {
  return record({
    name: text,
    left: depth > 1 ? orUndefined(treeOf(depth - 1)) : fc.constant(undefined),
    children: depth > 1 ? fc.array(treeOf(depth - 1), { maxLength: 2 }) : fc.constant([]),
    content: fc.oneof(
      fc.constant(undefined),
      record({ $case: fc.constant("number" as const), value: int32 }),
      record({ $case: fc.constant("text" as const), value: text }),
      record({ $case: fc.constant("scalars" as const), value: scalars }),
      record({ $case: fc.constant("blob" as const), value: blob }),
    ),
    last: int32,
  });
}

export const tree = treeOf(4);

export const everything: fc.Arbitrary<Everything> = record({
  scalars: orUndefined(scalars),
  optionals: orUndefined(optionals),
  lists: orUndefined(lists),
  looseLists: orUndefined(lists),
  maps: orUndefined(maps),
  tree: orUndefined(tree),
});
