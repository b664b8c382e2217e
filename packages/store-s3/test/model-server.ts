import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import {
  element,
  escaped,
  listObjects,
  listUploads,
  listVersions,
  type ModelAnswer,
  type ModelBucket,
  type ModelVersion,
  unescaped,
} from "./model-bucket.ts";

/** One request, as a fault sees it. */
export interface ModelRequest {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** Keys of a DeleteObjects request. */
  readonly keys: readonly string[];
}

/**
 * What a server does in place of, or after, its right answer. `hang`: says nothing. `cut`: closes the connection. A function that takes the right answer is asked for
 * another one; by then the server has acted.
 */
export type Fault = "hang" | "cut" | ModelAnswer | ((answer: ModelAnswer) => ModelAnswer | "hang" | "cut");

/**
 * S3 in memory, as the API reference describes it, for what no server from npm knows (versions, object lock) and for answers that no healthy server gives.
 * It checks no signatures. Real servers are tried in the end-to-end tests.
 */
export class ModelServer implements AsyncDisposable {
  readonly buckets: Map<string, ModelBucket> = new Map();
  /** Every request, in order of arrival. */
  readonly requests: ModelRequest[] = [];
  /** Asked for each request; undefined: it goes right. */
  fault: (request: ModelRequest) => Fault | undefined;
  readonly #server: Server;

  private constructor() {
    this.fault = () => undefined;
    this.#server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const read = readRequest(request, Buffer.concat(chunks).toString());
        this.requests.push(read);
        let answer = this.fault(read);
        if (answer === undefined || typeof answer === "function") {
          const right = this.#answer(read);
          answer = answer === undefined ? right : answer(right);
        }
        if (answer === "hang") return;
        if (answer === "cut") {
          request.socket.destroy();
          return;
        }
        response.writeHead(answer.status, { "content-type": "application/xml", ...answer.headers });
        response.end(answer.body);
      })();
    });
  }

  static async start(): Promise<ModelServer> {
    const model = new ModelServer();
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    return model;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  addBucket(
    name: string,
    { versioning, locked = false }: { versioning?: "Enabled" | "Suspended"; locked?: boolean } = {},
  ): void {
    this.buckets.set(name, { versioning: locked ? "Enabled" : versioning, locked, objects: new Map(), uploads: [] });
  }

  put(bucket: string, key: string, content: string | Uint8Array = "x", modifiedAt: Date = new Date()): ModelVersion {
    const state = this.#bucket(bucket);
    const version: ModelVersion = {
      id: state.versioning === undefined ? "null" : randomUUID(),
      marker: false,
      size: Buffer.byteLength(content),
      etag: createHash("md5").update(content).digest("hex"),
      modifiedAt,
    };
    const older = state.versioning === undefined ? [] : (state.objects.get(key) ?? []);
    state.objects.set(key, [version, ...older]);
    return version;
  }

  /** The current version; undefined where there is none, or a marker stands in front. */
  current(bucket: string, key: string): ModelVersion | undefined {
    const [newest] = this.buckets.get(bucket)?.objects.get(key) ?? [];
    return newest?.marker === true ? undefined : newest;
  }

  /** Everything there is: a line for each version and marker, sorted. */
  contents(bucket: string): readonly string[] {
    return [...this.#bucket(bucket).objects]
      .flatMap(([key, versions]) => versions.map(({ marker }) => (marker ? `${key} (marker)` : key)))
      .toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #bucket(name: string): ModelBucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw new Error(`the model has no bucket ${name}`);
    return bucket;
  }

  #answer(request: ModelRequest): ModelAnswer {
    const { method, key, query } = request;
    if (request.bucket === "")
      return { status: 200, body: "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>" };
    const bucket = this.buckets.get(request.bucket);
    if (bucket === undefined) return error(404, "NoSuchBucket", "The specified bucket does not exist");
    if (key === "") {
      if (method === "HEAD") return { status: 200 };
      if (query.has("versioning"))
        return {
          status: 200,
          body: `<VersioningConfiguration>${element("Status", bucket.versioning)}</VersioningConfiguration>`,
        };
      if (query.has("object-lock")) {
        if (!bucket.locked)
          return error(
            404,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
          );
        return {
          status: 200,
          body: "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>",
        };
      }
      if (query.has("delete")) return deleteObjects(bucket, request);
      if (query.has("versions")) return listVersions(bucket, query);
      if (query.has("uploads")) return listUploads(bucket, query);
      return listObjects(bucket, query);
    }
    if (method === "PUT") {
      const { id } = this.put(request.bucket, key, request.body);
      return { status: 200, headers: { "x-amz-version-id": id } };
    }
    if (method === "DELETE" && query.has("uploadId")) {
      const at = bucket.uploads.findIndex(({ id }) => id === query.get("uploadId"));
      if (at >= 0) bucket.uploads.splice(at, 1);
      return at < 0 ? error(404, "NoSuchUpload", "The specified upload does not exist") : { status: 204 };
    }
    if (method === "DELETE") {
      const done = deleteOne(bucket, key, query.get("versionId") ?? undefined);
      if (done === "AccessDenied") return error(403, done, "Access Denied");
      return {
        status: 204,
        headers: {
          ...(done.marker && { "x-amz-delete-marker": "true" }),
          ...(done.id !== undefined && { "x-amz-version-id": done.id }),
        },
      };
    }
    const versions = bucket.objects.get(key) ?? [];
    const version = query.has("versionId") ? versions.find(({ id }) => id === query.get("versionId")) : versions[0];
    if (version === undefined || version.marker) return error(404, "NoSuchKey", "The specified key does not exist");
    if (query.has("legal-hold"))
      return {
        status: 200,
        body: `<LegalHold><Status>${version.legalHold === true ? "ON" : "OFF"}</Status></LegalHold>`,
      };
    if (query.has("retention")) {
      if (version.retainUntil === undefined)
        return error(
          404,
          "NoSuchObjectLockConfiguration",
          "The specified object does not have a ObjectLock configuration",
        );
      return {
        status: 200,
        body: `<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>${version.retainUntil.toISOString()}</RetainUntilDate></Retention>`,
      };
    }
    return {
      status: 200,
      headers: {
        etag: `"${version.etag}"`,
        "content-length": String(version.size),
        "last-modified": version.modifiedAt.toUTCString(),
        "x-amz-version-id": version.id,
        ...(version.legalHold === true && { "x-amz-object-lock-legal-hold": "ON" }),
        ...(version.retainUntil !== undefined && {
          "x-amz-object-lock-mode": "GOVERNANCE",
          "x-amz-object-lock-retain-until-date": version.retainUntil.toISOString(),
        }),
      },
    };
  }
}

export function error(status: number, code: string, message: string): ModelAnswer {
  return {
    status,
    body: `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  };
}

function readRequest(request: IncomingMessage, body: string): ModelRequest {
  const url = new URL(`http://model${(request.url ?? "").replaceAll("/.", "/%2E")}`);
  const [, bucket = "", ...rest] = url.pathname.split("/");
  const keys = url.searchParams.has("delete") ? objectsIn(body).map(({ key }) => key) : [];
  return {
    method: request.method ?? "",
    bucket: decodeURIComponent(bucket),
    key: decodeURIComponent(rest.join("/")),
    query: url.searchParams,
    headers: request.headers,
    body,
    keys,
  };
}

function objectsIn(body: string): readonly { readonly key: string; readonly versionId: string | undefined }[] {
  return [...body.matchAll(/<Object><Key>([^<]*)<\/Key>(?:<VersionId>([^<]*)<\/VersionId>)?<\/Object>/g)].map(
    ([, key = "", versionId]) => ({ key: unescaped(key), versionId }),
  );
}

function deleteObjects(bucket: ModelBucket, { body }: ModelRequest): ModelAnswer {
  const answers = objectsIn(body).map(({ key, versionId }) => {
    const done = deleteOne(bucket, key, versionId);
    const name = `<Key>${escaped(key)}</Key>${element("VersionId", versionId)}`;
    if (done === "AccessDenied")
      return `<Error>${name}<Code>AccessDenied</Code><Message>Access Denied</Message></Error>`;
    return `<Deleted>${name}${done.marker ? `<DeleteMarker>true</DeleteMarker>${element("DeleteMarkerVersionId", done.id)}` : ""}</Deleted>`;
  });
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${answers.join("")}</DeleteResult>`,
  };
}

function deleteOne(
  bucket: ModelBucket,
  key: string,
  versionId: string | undefined,
): "AccessDenied" | { readonly marker: boolean; readonly id: string | undefined } {
  const versions = bucket.objects.get(key) ?? [];
  if (versionId === undefined && bucket.versioning !== undefined) {
    const marker: ModelVersion = { id: randomUUID(), marker: true, size: 0, etag: "", modifiedAt: new Date() };
    bucket.objects.set(key, [marker, ...versions]);
    return { marker: true, id: marker.id };
  }
  const doomed = versionId === undefined ? versions[0] : versions.find(({ id }) => id === versionId);
  if (doomed === undefined) return { marker: false, id: versionId };
  if (doomed.legalHold === true || (doomed.retainUntil !== undefined && doomed.retainUntil > new Date()))
    return "AccessDenied";
  const left = versions.filter((version) => version !== doomed);
  if (left.length > 0) bucket.objects.set(key, left);
  else bucket.objects.delete(key);
  return { marker: doomed.marker, id: versionId };
}
