#!/bin/sh
# Writes gen/ from messages.proto: the same generated code, compiled, on two readers and writers.
set -e
cd "$(dirname "$0")"
bin=../../node_modules/.bin
rm -rf gen
for runtime in bufbuild clusterts; do
  "$bin/buf" generate --template "{\"version\":\"v2\",\"inputs\":[{\"directory\":\".\"}],\"plugins\":[{\"local\":\"$bin/protoc-gen-ts_proto\",\"out\":\"gen/$runtime\",\"opt\":\"esModuleInterop=true,forceLong=bigint,oneof=unions-value,enumsAsLiterals=true,outputJsonMethods=false,importSuffix=.js\"}]}"
  "$bin/tsc" --ignoreConfig --noCheck --target es2022 --module nodenext --outDir "gen/$runtime" "gen/$runtime/messages.ts"
  rm "gen/$runtime/messages.ts"
done
sed -i 's#"@bufbuild/protobuf/wire"#"../../../../dist/src/rpc/index.js"#' gen/clusterts/messages.js
