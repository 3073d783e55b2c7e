#!/usr/bin/env node
/** The generator as a plugin of `protoc` and `buf`; parameters as in `parameter.ts`. With buf, `strategy: all`. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  type CodeGeneratorResponse,
  CodeGeneratorResponse_Feature,
  CodeGeneratorResponse_FileSchema,
  CodeGeneratorResponseSchema,
  Edition,
} from "@bufbuild/protobuf/wkt";
import { CodegenError } from "./codegen-error.js";
import { generate } from "./generate.js";
import { parseParameter } from "./parameter.js";
import { findTsProto } from "./ts-proto.js";

async function answer(input: Uint8Array): Promise<CodeGeneratorResponse> {
  const response = create(CodeGeneratorResponseSchema, {
    supportedFeatures: BigInt(CodeGeneratorResponse_Feature.PROTO3_OPTIONAL | CodeGeneratorResponse_Feature.SUPPORTS_EDITIONS),
    minimumEdition: Edition.EDITION_PROTO2,
    maximumEdition: Edition.EDITION_2024,
  });
  try {
    const request = fromBinary(CodeGeneratorRequestSchema, input);
    const files = await generate(request, parseParameter(request.parameter), findTsProto(process.cwd()));
    response.file = files.map(({ path, content }) => create(CodeGeneratorResponse_FileSchema, { name: path, content }));
  } catch (error) {
    if (!(error instanceof CodegenError)) throw error;
    response.error = error.problems.join("\n");
  }
  return response;
}

const chunks: Buffer[] = [];
for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
process.stdout.write(toBinary(CodeGeneratorResponseSchema, await answer(Buffer.concat(chunks))));
