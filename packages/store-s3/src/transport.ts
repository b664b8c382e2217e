import type { Agent as SecureAgent } from "node:https";
import { type Connections, openConnections } from "@scrubber/core";
import { NodeHttpHandler } from "@smithy/node-http-handler";

export interface TransportSettings {
  /** `http:` or `https:`. */
  readonly protocol: string;
  readonly sockets: number;
  /** Longest wait for a connection, in milliseconds. */
  readonly connectWithin: number;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeout: number;
  /** PEM; undefined: the system's. */
  readonly ca: string | undefined;
}

/**
 * The SDK's way to the server, over connections that are kept. A request that crossed with the closing of an idle one goes once more, signed as it was.
 * All that is sent does no harm twice: what was deleted the first time is deleted, or in a bucket that keeps versions has one marker more.
 */
export class Transport extends NodeHttpHandler {
  readonly #connections: Connections;
  readonly #fresh: NodeHttpHandler;

  constructor({ protocol, sockets, connectWithin, timeout, ca }: TransportSettings) {
    const connections = openConnections(protocol, { maxSockets: sockets, ...(ca !== undefined && { ca }) });
    const over = (agent: Connections["kept"]): ConstructorParameters<typeof NodeHttpHandler>[0] => ({
      connectionTimeout: connectWithin,
      requestTimeout: timeout,
      throwOnRequestTimeout: true,
      socketTimeout: timeout,
      // Of the two, the one of the protocol is used.
      httpAgent: agent,
      httpsAgent: agent as SecureAgent,
    });
    super(over(connections.kept));
    this.#connections = connections;
    this.#fresh = new NodeHttpHandler(over(connections.fresh));
  }

  override handle(...sent: Parameters<NodeHttpHandler["handle"]>): ReturnType<NodeHttpHandler["handle"]> {
    return this.#connections.send((agent) =>
      agent === this.#connections.fresh ? this.#fresh.handle(...sent) : super.handle(...sent),
    );
  }

  override destroy(): void {
    this.#connections[Symbol.dispose]();
  }
}
