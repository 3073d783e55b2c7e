/** What the command line uses of the generator. */
export { CodegenError } from "./codegen-error.js";
export type { CompileContext } from "./compile/compile.js";
export type { ProtoFolders } from "./compile/proto-sources.js";
export { requestFromDescriptorSet, requestFromFolders } from "./compile/requests.js";
export { type GeneratedFile, type GenerateRequest, generate } from "./generate.js";
export { type OutputPlan, planOutput, removeOutput, writeOutput } from "./output-folder.js";
export { DEFAULT_OPTIONS, type GenerateOptions, IMPORT_EXTENSIONS, LONG_TYPES, oneOf } from "./parameter.js";
export { findTsProto } from "./ts-proto.js";
