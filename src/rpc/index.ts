/** `clusterts/rpc`: all that generated code imports. No Node.js built-ins, so that it bundles for browsers. */
export { type Code, type Execution, RPC_CODES, RpcError, type RpcErrorOptions } from "../errors.js";
export { BinaryReader } from "../protobuf/binary-reader.js";
export { BinaryWriter } from "../protobuf/binary-writer.js";
export { MessageDecodeError, MessageTooLargeError } from "../protobuf/errors.js";
export { type CallCallback, callWithCallback } from "./call-with-callback.js";
export { nameHash } from "./name-hash.js";
export { type BasicPolicy, byType, type Candidate, type Picker, type Policy, type WherePolicy } from "./picker.js";
export {
  type AddressLike,
  type AddressText,
  type Caller,
  type CallOptions,
  type Codec,
  type Context,
  type DeepPartial,
  defineMethod,
  type LogicalAddress,
  type Message,
  type MetadataInit,
  type Method,
  type MethodKind,
  type MethodOf,
  type PostOptions,
  type Registrar,
  type Target,
  type UnaryHandler,
} from "./service.js";
