import { createServer, type Server } from "node:net";

/**
 * The mark of a running daemon on this host: an abstract Unix socket. It needs no file, no configuration and no permission, and the kernel removes it
 * with its process, however that ends. (unix(7), "Abstract sockets"; Linux only.)
 */
const NAME = "\0glance-scrubber";

/** Takes the mark; undefined where another process of this host has it. */
export async function takeHostMark(name: string = NAME): Promise<AsyncDisposable | undefined> {
  const server = createServer((socket) => socket.destroy());
  if (!(await listens(server, name))) return undefined;
  server.unref();
  return {
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

function listens(server: Server, name: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen({ path: name }, () => resolve(true));
  });
}
