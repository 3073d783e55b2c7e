/**
 * One server per data file on this machine: whoever listens at a name made of the file's path holds it. The system takes the name back
 * when the process ends, however it ends, so that no crash leaves a lock behind.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { realpath, unlink } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";

const NAME_DIGITS = 32;

/** @returns what gives it back. @throws Error when another process, or another server of this one, holds the file. */
export async function lockFile(path: string): Promise<() => Promise<void>> {
  // The file need not exist; its folder does.
  const real = join(await realpath(dirname(path)), basename(path));
  const name = `clusterts-discovery-${createHash("sha256").update(real).digest("hex").slice(0, NAME_DIGITS)}`;
  const server = (await tryListen(socketOf(name))) ?? (await tryAgain(socketOf(name)));
  if (server === undefined) throw new Error(`data file ${path}: another discovery server uses it`);
  return async () => {
    server.close();
    await once(server, "close");
  };
}

/** On Linux a name that is no file, on Windows a pipe: both go with the process. */
function socketOf(name: string): string {
  if (process.platform === "linux") return `\0${name}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

/** `undefined` when somebody listens there. */
async function tryListen(path: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).unref();
  try {
    await once(server.listen({ path, exclusive: true }), "listening");
    return server;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return undefined;
    throw error;
  }
}

/** Elsewhere the name is a file, which stays when its process is killed: where nobody answers it is taken away. */
async function tryAgain(path: string): Promise<Server | undefined> {
  if (path.startsWith("\0") || process.platform === "win32") return undefined;
  const socket = connect(path);
  const answers = await once(socket, "connect").then(
    () => true,
    () => false,
  );
  socket.destroy();
  if (answers) return undefined;
  await unlink(path);
  return await tryListen(path);
}
