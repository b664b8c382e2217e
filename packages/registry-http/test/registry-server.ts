import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An image as the registry keeps it. */
export interface ServedImage {
  readonly id: string;
  status: string;
  deleted: boolean;
  deleted_at: string | null;
  updated_at: string;
  location_data: { url: string; metadata: unknown; id?: number; status?: string }[];
}

/** How one request goes wrong. */
export type Fault =
  | { readonly status: number; readonly headers?: Record<string, string> }
  | "garbage"
  | "truncated"
  | "hangUp"
  | { readonly json: unknown };

/** A registry that follows the protocol of Glance's registry API v1 (Icehouse), and goes wrong as a test wants. */
export interface RegistryServer extends AsyncDisposable {
  readonly url: string;
  readonly images: Map<string, ServedImage>;
  /** Each request takes the first one. */
  readonly faults: Fault[];
  /** `METHOD /path?query`, in order of arrival. */
  readonly requests: string[];
  /** Whether a request may; default: all do. */
  allows: (request: IncomingMessage) => boolean | Promise<boolean>;
  now: () => Date;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const DEFAULT_LIMIT = 25;
const GREATEST_LIMIT = 1000;

export async function startRegistryServer(): Promise<RegistryServer> {
  const images = new Map<string, ServedImage>();
  const faults: Fault[] = [];
  const requests: string[] = [];
  let http: Server;
  let port = 0;
  const start = async (): Promise<void> => {
    http = createServer((request, response) => void serve(request, response)).listen(port, "127.0.0.1");
    await once(http, "listening");
    ({ port } = http.address() as AddressInfo);
  };
  const stop = async (): Promise<void> => {
    const closed = once(http, "close");
    http.close();
    http.closeAllConnections();
    await closed;
  };
  await start();
  const server: RegistryServer = {
    url: `http://127.0.0.1:${port}`,
    images,
    faults,
    requests,
    allows: () => true,
    now: () => new Date(),
    stop,
    start,
    [Symbol.asyncDispose]: async () => {
      if (http.listening) await stop();
    },
  };
  return server;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await Array.fromAsync(request as AsyncIterable<Buffer>);
    requests.push(`${request.method} ${decodeURIComponent(request.url ?? "")}`);
    const fault = faults.shift();
    if (fault === "hangUp") return void request.socket.destroy();
    if (fault === "garbage") return reply(response, 200, "<html>");
    if (fault === "truncated") {
      response.writeHead(200, { "content-length": "1000" });
      response.write('{"images": [');
      return void setImmediate(() => request.socket.destroy());
    }
    if (typeof fault === "object" && "json" in fault) return reply(response, 200, JSON.stringify(fault.json));
    if (fault !== undefined) return reply(response, fault.status, "no", fault.headers);
    if (!(await server.allows(request))) return reply(response, 401, "who are you?");
    const url = new URL(request.url ?? "", server.url);
    if (url.pathname === "/images/detail") return list(response, url.searchParams);
    const image = images.get(decodeURIComponent(url.pathname.slice("/images/".length)));
    if (image === undefined) return reply(response, 404, "no such image");
    if (request.method === "PUT") {
      const { image: values, from_state: from } = JSON.parse(Buffer.concat(body).toString()) as {
        image: { status: string };
        from_state: string | null;
      };
      if (from !== null && from !== image.status) {
        return reply(response, 409, `cannot transition from ${image.status} (wanted from_state=${from})`);
      }
      image.status = values.status;
      image.updated_at = isoOf(server.now());
    }
    reply(response, 200, JSON.stringify({ image: shown(image) }));
  }

  function list(response: ServerResponse, query: URLSearchParams): void {
    const limit = Math.min(Number(query.get("limit") ?? DEFAULT_LIMIT), GREATEST_LIMIT);
    const marker = query.get("marker");
    if (marker !== null && !images.has(marker)) return reply(response, 400, "invalid marker");
    if (query.get("sort_key") !== "id" || query.get("sort_dir") !== "asc" || query.get("is_public") !== "none") {
      return reply(response, 400, "this server sorts by id and shows images of any visibility");
    }
    const isDeleted = query.get("deleted") === "True";
    const found = [...images.values()]
      .filter(({ status, deleted }) => status === query.get("status") && deleted === isDeleted)
      .filter(({ id }) => marker === null || id > marker)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
    reply(response, 200, JSON.stringify({ images: found.map(shown) }));
  }
}

export function isoOf(at: Date): string {
  return at.toISOString().slice(0, 23) + "000";
}

function shown(image: ServedImage): object {
  return {
    ...image,
    name: null,
    size: 1,
    is_public: false,
    owner: "me",
    properties: {},
    location: image.location_data[0]?.url ?? null,
  };
}

function reply(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", "x-openstack-request-id": "req-test", ...headers });
  response.end(body);
}
