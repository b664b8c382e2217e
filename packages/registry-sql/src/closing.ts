import { setTimeout as sleep } from "node:timers/promises";

/** How long a server may take to say goodbye, in milliseconds. */
const CLOSE_MS = 5000;

/** A connection's way to the server. */
export interface Socket {
  destroy(): void;
  once(event: "close", listener: () => void): unknown;
}

/** The sockets of a pool, so that none outlives it. */
export class Sockets {
  readonly #open = new Set<Socket>();

  add(socket: Socket): void {
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
  }

  /** Runs `close`, and cuts what is still there afterwards, or after `limitMs`: a server that hangs, or a firewall, would hold up its caller for ever. */
  async close(close: () => Promise<void>, limitMs: number = CLOSE_MS): Promise<void> {
    const inTime = new AbortController();
    const limit = sleep(limitMs, undefined, { signal: inTime.signal }).catch(() => {});
    try {
      // Nothing is lost with a connection that does not close: what it had not committed the server takes back.
      await Promise.race([close().catch(() => {}), limit]);
    } finally {
      inTime.abort();
      for (const socket of this.#open) socket.destroy();
    }
  }
}
