import { request as plain, Agent as PlainAgent, type IncomingHttpHeaders } from "node:http";
import { request as secure, Agent as SecureAgent } from "node:https";

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Ask {
  readonly method: "GET" | "PUT" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A page of a thousand images with long properties is some megabytes. */
const LARGEST_BODY = 64 * 1024 * 1024;
const CONNECTIONS = 8;

/** Asks over connections that are kept open. */
export interface HttpClient extends Disposable {
  /** Rejects where no whole answer came, within `timeoutMs` from the first to the last byte. */
  ask(ask: Ask, timeoutMs: number): Promise<Answer>;
}

export function createHttpClient(): HttpClient {
  const options = { keepAlive: true, maxSockets: CONNECTIONS };
  const agents = { "http:": new PlainAgent(options), "https:": new SecureAgent(options) };
  return {
    ask({ method, url, headers, body }, timeoutMs) {
      const isSecure = url.protocol === "https:";
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const signal = AbortSignal.timeout(timeoutMs);
      const request = (isSecure ? secure : plain)(
        url,
        {
          method,
          agent: agents[isSecure ? "https:" : "http:"],
          signal,
          headers: {
            accept: "application/json",
            ...headers,
            ...(body !== undefined && {
              "content-type": "application/json",
              "content-length": String(Buffer.byteLength(body)),
            }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          let size = 0;
          response.on("data", (chunk: Buffer) => {
            size += chunk.length;
            if (size > LARGEST_BODY) response.destroy(new Error(`the answer is longer than ${LARGEST_BODY} bytes`));
            else chunks.push(chunk);
          });
          response.on("error", reject);
          // An answer that is cut off ends with an error instead.
          response.on("end", () => {
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(chunks).toString("utf8"),
            });
          });
        },
      );
      request.on("error", (error) => {
        reject(signal.aborted ? new Error(`no whole answer within ${timeoutMs / 1000} s`) : error);
      });
      request.end(body);
      return promise;
    },
    [Symbol.dispose]() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}
