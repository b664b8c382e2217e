import { readFile } from "node:fs/promises";
import type { Agent, ClientRequest } from "node:http";
import type { AgentOptions } from "node:https";
import { ScrubberError } from "./errors.ts";
import type { Context } from "./plugin.ts";

/** Connections to one server. Disposing of them closes them. */
export interface Connections extends Disposable {
  /** Keeps connections open between requests. */
  readonly kept: Agent;
  /** Opens a connection for each request. */
  readonly fresh: Agent;
  /**
   * Calls `send` with `kept`; and where the server had closed the idle connection that its request went over, once more with `fresh`.
   *
   * That was no outage: a server closes idle connections when it likes, and a request may cross with it on the way. But it may also have acted on the request
   * and died before the head of an answer: so `send` has to be one request that does no harm twice, as a deletion is.
   */
  send<T>(send: (agent: Agent) => Promise<T>): Promise<T>;
}

/** How the system says that the other side closed the connection. */
const CLOSED: ReadonlySet<string | undefined> = new Set(["ECONNRESET", "EPIPE"]);
/** A code, because clients that wrap errors keep it, if they keep anything. */
const CLOSED_WHILE_IDLE = "ERR_CLOSED_WHILE_IDLE";

/**
 * For a backend whose client takes an agent: connections that are kept, without the failures that come with keeping them.
 * @param protocol - as a URL has it: `http:` or `https:`.
 * @param options - as Node's agents take them, `maxSockets` and `ca` say.
 */
export function openConnections(protocol: string, options: AgentOptions): Connections {
  // Not imported: HTTP and TLS cost 5 MiB, also where nothing is deleted over a network.
  const { Agent: KindOfAgent } = process.getBuiltinModule(protocol === "https:" ? "node:https" : "node:http");
  const open = (keepAlive: boolean): Agent => new KindOfAgent({ ...options, keepAlive });
  const [kept, fresh] = [open(true), open(false)];
  const reuseSocket = kept.reuseSocket.bind(kept);
  kept.reuseSocket = (socket, request) => {
    reuseSocket(socket, request);
    markIfClosed(request);
  };
  return {
    kept,
    fresh,
    async send(send) {
      try {
        return await send(kept);
      } catch (error) {
        if (codeOf(error) !== CLOSED_WHILE_IDLE) throw error;
        return send(fresh);
      }
    },
    [Symbol.dispose]() {
      kept.destroy();
      fresh.destroy();
    },
  };
}

/** Of a request that goes over a connection that was idle. Its own error comes only where no answer does. */
function markIfClosed(request: ClientRequest): void {
  request.prependOnceListener("error", (error: NodeJS.ErrnoException) => {
    if (CLOSED.has(error.code)) error.code = CLOSED_WHILE_IDLE;
  });
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/**
 * The certificate authority to trust, as PEM: `ca` is PEM itself, or the path of a file.
 * @throws {ScrubberError} `SCRUBBER_STORE_MISCONFIGURED`: the file cannot be read.
 */
export async function readAuthority(
  ca: string | undefined,
  { id, resolvePath }: Pick<Context, "id" | "resolvePath">,
): Promise<string | undefined> {
  if (ca === undefined || ca.includes("-----BEGIN")) return ca;
  const path = resolvePath(ca);
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new ScrubberError(
      "SCRUBBER_STORE_MISCONFIGURED",
      `store ${id}: the certificate authority in ${path} cannot be read`,
      { hint: "Correct the option ca: a PEM file's path, or the PEM text itself.", cause },
    );
  }
}
