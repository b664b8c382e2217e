import { once } from "node:events";
import { Agent, createServer, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A request as it came in. */
export interface ProxiedRequest {
  readonly method: string;
  /** Path and query, as they were sent. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface ProxiedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Goes to the server and comes back with its answer. */
export type Forward = () => Promise<ProxiedAnswer>;

/** What happens to one request: an answer, the connection is `cut`, or nothing is ever said (`hang`). Calls `forward`, or does not. */
export type Fault = (request: ProxiedRequest, forward: Forward) => Promise<ProxiedAnswer | "cut" | "hang">;

/** Stands between a real client and a real server, and lets things go wrong. */
export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** Chosen for each request; undefined: it goes through. */
  choose: (request: ProxiedRequest) => Fault | undefined;
  /** Requests so far. */
  readonly requests: number;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  const sockets = new Set<Socket>();
  let requests = 0;
  const proxy = createServer((incoming, response) => {
    requests += 1;
    void (async () => {
      const request: ProxiedRequest = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: await bodyOf(incoming),
      };
      const forward: Forward = () => send(request, { hostname, port, agent });
      const fault = state.choose(request) ?? ((_, onward) => onward());
      const answer = await fault(request, forward);
      if (answer === "hang") return;
      if (answer === "cut") {
        incoming.socket.destroy();
        return;
      }
      // An answer to HEAD has the length of what is not sent.
      const isHead = request.method === "HEAD";
      response.writeHead(answer.status, {
        ...answer.headers,
        ...(!isHead && { "content-length": answer.body.length }),
      });
      response.end(isHead ? undefined : answer.body);
    })().catch(() => incoming.socket.destroy());
  });
  proxy.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const state: { choose: FaultProxy["choose"] } = { choose: () => undefined };
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    get choose() {
      return state.choose;
    },
    set choose(choose) {
      state.choose = choose;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, "close");
      agent.destroy();
    },
  };
}

/** Headers that belong to a connection, not to a message. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding"]);

async function send(
  request: ProxiedRequest,
  to: { readonly hostname: string; readonly port: string; readonly agent: Agent },
): Promise<ProxiedAnswer> {
  const outgoing = httpRequest({ ...to, method: request.method, path: request.path, headers: request.headers });
  // What comes after the answer is nobody's: Swift sends the end of a body after an answer to HEAD, which has none.
  outgoing.on("error", () => {});
  outgoing.end(request.body);
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  const headers = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => !HOP_BY_HOP.has(name)));
  return { status: answer.statusCode ?? 0, headers, body: await bodyOf(answer) };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const XML = { "content-type": "application/xml" };

function xml(status: number, body: string): ProxiedAnswer {
  return { status, headers: XML, body: Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>${body}`) };
}

/** The connection is cut before the server heard anything. */
export const cutBefore: Fault = async () => "cut";

/** The server does what it was asked to, and the connection is cut before its answer. */
export const cutAfter: Fault = async (_, forward) => {
  await forward();
  return "cut";
};

/** The server hears nothing, and no answer ever comes. */
export const neverAnswers: Fault = async () => "hang";

/** The whole request is turned away with a 503, as a server does that is overloaded or down. */
export const unavailable: Fault = async () =>
  xml(503, "<Error><Code>ServiceUnavailable</Code><Message>Please try again later.</Message></Error>");

/** S3: the whole request is throttled. */
export const slowDown: Fault = async () =>
  xml(503, "<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>");

/** S3: a 200 whose body is an error. */
export const errorInside: Fault = async () =>
  xml(200, "<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>");

/** Azure: the server does what it was asked to, and its batch answer comes without its last part. */
export const tooFewParts: Fault = async (_, forward) => {
  const answer = await forward();
  const boundary = /boundary=([^;\s]+)/.exec(String(answer.headers["content-type"]))?.[1];
  if (boundary === undefined) return answer;
  const parts = answer.body.toString("latin1").split(`--${boundary}`);
  // Before the first boundary and after the last there is nothing that counts.
  const kept = [...parts.slice(0, -2), ...parts.slice(-1)];
  return { ...answer, body: Buffer.from(kept.join(`--${boundary}`), "latin1") };
};
