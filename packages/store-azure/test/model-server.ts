import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A deletion as it stood in a batch. */
export interface SubRequest {
  readonly path: string;
  readonly versionId: string | undefined;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

/** What the model says of one deletion: a status and a code, raw text, or nothing at all. */
export type SubAnswer =
  | { readonly status: number; readonly code?: string; readonly headers?: readonly string[] }
  | string
  | undefined;

/** A request that is no batch. */
export interface Asked {
  readonly what: "blob" | "container" | "listing" | "service";
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

function askedBy({ url = "", headers }: IncomingMessage): Asked {
  const [path = "", search] = url.split("?");
  const query = new URLSearchParams(search);
  const kind = query.get("restype");
  const what = query.get("comp") === "list" ? "listing" : kind === "container" || kind === "service" ? kind : "blob";
  return { what, path, query, headers };
}

/** Everything is there; nothing is listed. */
export function answerPlainly({ what }: Asked, response: ServerResponse): void {
  if (what === "listing") answerXml(response, listingOf(""));
  else if (what === "service") answerXml(response, "<StorageServiceProperties/>");
  else response.end();
}

export function answerXml(response: ServerResponse, text: string): void {
  response.writeHead(200, { "content-type": "application/xml" }).end(`<?xml version="1.0" encoding="utf-8"?>${text}`);
}

export function listingOf(blobs: string, nextMarker = ""): string {
  return `<EnumerationResults ContainerName="container"><Blobs>${blobs}</Blobs><NextMarker>${nextMarker}</NextMarker></EnumerationResults>`;
}

export interface ModelServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly batches: SubRequest[][];
  /** Answers to what is no batch; default: `answerPlainly`. */
  other: (asked: Asked, response: ServerResponse) => void;
  /** The answer to each deletion in a batch. */
  answer: (request: SubRequest, index: number) => SubAnswer;
  /** Replaces the answer to a whole batch. */
  whole: ((response: ServerResponse) => void) | undefined;
}

/** A blob service that answers as it is told: for what no server to be had does. */
export async function startModelServer(): Promise<ModelServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url?.includes("comp=batch") !== true) {
        model.other(askedBy(request), response);
        return;
      }
      const requests = readBatch(Buffer.concat(chunks).toString());
      model.batches.push(requests);
      if (model.whole !== undefined) {
        model.whole(response);
        return;
      }
      const parts = requests.map((each, index) => partOf(index, model.answer(each, index)));
      response.writeHead(202, { "content-type": "multipart/mixed; boundary=b" }).end(`${parts.join("")}--b--\r\n`);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const model: ModelServer = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches: [],
    other: answerPlainly,
    answer: () => ({ status: 202 }),
    whole: undefined,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return model;
}

function readBatch(body: string): SubRequest[] {
  return [...body.matchAll(/DELETE (\S+) HTTP\/1\.1\r\n([^]*?)\r\n\r\n/g)].map(([, url = "", head = ""]) => {
    const [path = "", query] = url.split("?");
    const headers = new Map<string, string>();
    for (const line of head.split("\r\n")) {
      headers.set(line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2));
    }
    return { path, versionId: new URLSearchParams(query).get("versionid") ?? undefined, headers };
  });
}

function partOf(index: number, answer: SubAnswer): string {
  if (answer === undefined) return "";
  if (typeof answer === "string") return answer;
  const { status, code, headers = [] } = answer;
  const lines = [`HTTP/1.1 ${status} Said`, ...(code === undefined ? [] : [`x-ms-error-code: ${code}`]), ...headers];
  return `--b\r\nContent-Type: application/http\r\nContent-ID: ${index}\r\n\r\n${lines.join("\r\n")}\r\n\r\n`;
}
