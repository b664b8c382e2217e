import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Answer } from "./failure.ts";

/** One request as it goes over the wire. */
export interface WireRequest {
  readonly method: string;
  /** Path and query, sent as they are: nothing on the way may resolve the dots in a name. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: Buffer | undefined;
}

/** Sends requests to one host over connections that are kept; honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. */
export class Exchange {
  readonly #origin: URL;
  readonly #timeout: number;
  readonly #agent: HttpAgent;
  readonly #request: typeof httpRequest;

  constructor(origin: string, settings: { readonly timeout: number; readonly sockets: number }) {
    this.#origin = new URL(origin);
    this.#timeout = settings.timeout;
    const options = { keepAlive: true, maxSockets: settings.sockets, proxyEnv: process.env };
    const secure = this.#origin.protocol === "https:";
    this.#agent = secure ? new HttpsAgent(options) : new HttpAgent(options);
    this.#request = secure ? httpsRequest : httpRequest;
  }

  /** Resolves with the whole answer, of any status. Rejects with the system's error, `ETIMEDOUT` where none came in time, or an `AbortError`. */
  async send({ method, target, headers, body }: WireRequest, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    const request = this.#request(this.#origin, { method, path: target, headers, agent: this.#agent });
    const abort = (): void => void request.destroy(new DOMException("the call was given up", "AbortError"));
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(() => {
      request.destroy(Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }));
    }, this.#timeout);
    try {
      request.end(body);
      return await answerTo(request);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

function answerTo(request: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.on("error", reject);
    request.on("response", (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { headers, statusCode = 0 } = response;
        resolve({
          status: statusCode,
          headers: {
            get(name) {
              const value = headers[name];
              return Array.isArray(value) ? value.join(", ") : value;
            },
          },
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
  });
}
