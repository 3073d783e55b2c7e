/** `clusterts/rpc`: all that generated code imports. No Node.js built-ins, so that it bundles for browsers. */
export { RPC_CODES, RpcError } from "../errors.js";
export { BinaryReader } from "../protobuf/binary-reader.js";
export { BinaryWriter } from "../protobuf/binary-writer.js";
export { callWithCallback } from "./call-with-callback.js";
export { nameHash } from "./name-hash.js";
export { byType } from "./picker.js";
export { defineMethod } from "./service.js";
