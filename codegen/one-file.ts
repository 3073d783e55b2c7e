/**
 * The one-file convention: a file without package and services that declares the messages `request` and `response`, in any letter
 * case, is one rpc, named like the file. A folder holds many of them, all with the same message names, so each needs a package of its
 * own while it is compiled; users never see it.
 */
import type { FileDescriptorProto } from "@bufbuild/protobuf/wkt";

const UNIT_PACKAGE = "clusterts_one_file.u";

/** What the compiler is told that the package of the `index`-th such file is. */
export function unitPackage(index: number): string {
  return UNIT_PACKAGE + index;
}

/** The package as the user wrote it. */
export function packageOf(file: FileDescriptorProto): string {
  return file.package.startsWith(UNIT_PACKAGE) ? "" : file.package;
}

/** Whether messages of these names, in a file without package and services, are one rpc. */
export function isOneFileConvention(topLevelMessages: readonly string[]): boolean {
  const names = topLevelMessages.map((name) => name.toLowerCase());
  return names.filter((name) => name === "request").length === 1 && names.filter((name) => name === "response").length === 1;
}

export function isOneFile(file: FileDescriptorProto): boolean {
  return packageOf(file) === "" && file.service.length === 0 && isOneFileConvention(file.messageType.map((message) => message.name));
}

/** `services/echo.proto` answers to `"echo"`. */
export function oneFileRpcName(file: FileDescriptorProto): string {
  return file.name.slice(file.name.lastIndexOf("/") + 1).replace(/\.proto$/, "");
}
