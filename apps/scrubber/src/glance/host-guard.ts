import { createServer, type Server } from "node:net";

const NAME = "\0glance-scrubber";

/**
 * The mark of a running daemon on this host: an abstract Unix socket. It needs no file, no configuration and no permission, and the kernel removes it
 * with its process, however that ends. (unix(7), "Abstract sockets"; Linux only; a container with a network of its own is a host of its own.)
 */
export class HostMark implements AsyncDisposable {
  readonly #name: string;
  #server: Server | undefined;

  constructor(name: string = NAME) {
    this.#name = name;
  }

  /** Resolves with whether this process has it now; false where another process of this host has it. */
  async take(): Promise<boolean> {
    if (this.#server !== undefined) return true;
    const server = createServer((socket) => socket.destroy());
    if (!(await listens(server, this.#name))) return false;
    server.unref();
    this.#server = server;
    return true;
  }

  /** Gives it back. */
  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => void server.close(() => resolve()));
  }
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
