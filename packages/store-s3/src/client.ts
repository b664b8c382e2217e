import { createHash } from "node:crypto";
import { DeleteObjectsCommand, S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { awsRegionOf } from "./addressing.ts";
import { readDeleteResult, type DeleteAnswer } from "./delete-result.ts";
import { AnswerError, failureOf, type Failure } from "./failure.ts";
import type { UriCredentials } from "./location.ts";
import type { S3Options } from "./options.ts";
import { Transport } from "./transport.ts";

/** Calls at the same time for one bucket, and requests at the same time within a call where each object needs its own. */
export const CONCURRENCY = 8;
export const REQUESTS_A_CALL = 8;
const SOCKETS = CONCURRENCY * REQUESTS_A_CALL;
const CONNECT_WITHIN_MS = 10_000;
/** Clients for credentials that stood in locations; the one unused longest makes room. */
const MOST_CLIENTS = 32;

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Sends one kind of request as `credentials` (undefined: the configured ones). */
export interface Connection {
  readonly client: S3Client;
  /** Undefined: found by the SDK, where every AWS tool looks for them. */
  readonly credentials: Credentials | undefined;
}

/** The configured server: clients for it that share sockets, timeouts and what was learnt. */
export class Server {
  /** For messages. */
  readonly name: string;
  readonly #config: S3ClientConfig;
  readonly #transport: Transport;
  readonly #own: Connection;
  readonly #guests = new Map<string, Connection>();
  readonly #slots = new Slots(SOCKETS);
  #wantsContentMd5 = false;

  constructor(options: S3Options, ca: string | undefined) {
    this.name = options.endpoint ?? "AWS";
    this.#transport = new Transport({
      protocol: new URL(options.endpoint ?? "https://amazonaws.com").protocol,
      sockets: SOCKETS,
      connectWithin: Math.min(CONNECT_WITHIN_MS, options.timeout),
      timeout: options.timeout,
      ca,
    });
    const region =
      options.region ?? (options.endpoint === undefined ? undefined : (awsRegionOf(options.endpoint) ?? "us-east-1"));
    this.#config = {
      ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
      ...(region !== undefined && { region }),
      forcePathStyle: options.forcePathStyle ?? options.endpoint !== undefined,
      requestHandler: this.#transport,
      // The engine paces, retries and counts; repeating here would hide from it what happens.
      maxAttempts: 1,
    };
    const { accessKeyId, secretAccessKey, sessionToken } = options;
    this.#own = this.#connect(
      accessKeyId === undefined || secretAccessKey === undefined
        ? undefined
        : { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    );
  }

  #connect(credentials: Credentials | undefined): Connection {
    return {
      client: new S3Client({ ...this.#config, ...(credentials !== undefined && { credentials }) }),
      credentials,
    };
  }

  connection(credentials: UriCredentials | undefined): Connection {
    if (credentials === undefined) return this.#own;
    const id = credentials.identifier();
    const known = this.#guests.get(id);
    if (known !== undefined) {
      this.#guests.delete(id);
      this.#guests.set(id, known);
      return known;
    }
    const connection = this.#connect(credentials.reveal());
    this.#guests.set(id, connection);
    const [oldest] = this.#guests.keys();
    if (this.#guests.size > MOST_CLIENTS && oldest !== undefined) this.#guests.delete(oldest);
    return connection;
  }

  /** Runs one request when a socket is free for it. Rejects with a {@link RequestFailure}. */
  async request<T>(
    connection: Connection,
    signal: AbortSignal,
    send: (client: S3Client, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    await this.#slots.take();
    try {
      return await send(connection.client, { abortSignal: signal });
    } catch (error) {
      throw new RequestFailure(failureOf(error, await secretsOf(connection, error)));
    } finally {
      this.#slots.free();
    }
  }

  /**
   * Sends a DeleteObjects request with a body made by hand, and reads its answer by hand; the SDK does endpoint, checksum, signature and transport.
   * Content-MD5 is sent as soon as the server was seen to demand it.
   */
  async deleteObjects(
    connection: Connection,
    signal: AbortSignal,
    request: { readonly bucket: string; readonly body: Uint8Array; readonly bypassGovernance: boolean },
  ): Promise<Extract<DeleteAnswer, { root: "DeleteResult" }>> {
    for (;;) {
      const withMd5 = this.#wantsContentMd5;
      try {
        return await this.request(connection, signal, (client, options) =>
          sendDeleteObjects(client, options, request, withMd5),
        );
      } catch (error) {
        if (!isRequestFailure(error) || error.failure.kind !== "contentMd5" || withMd5) throw error;
        this.#wantsContentMd5 = true;
      }
    }
  }

  close(): void {
    this.#own.client.destroy();
    this.#transport.destroy();
  }
}

/** A request failed; says how, without secrets. Never leaves this package. */
export class RequestFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

export function isRequestFailure(error: unknown): error is RequestFailure {
  return error instanceof RequestFailure;
}

/** What must not be shown of an error. */
async function secretsOf({ client, credentials }: Connection, error: unknown): Promise<readonly string[]> {
  // Only what a server says may repeat what the SDK found; where it found nothing, it would look for it again, which takes long.
  if (credentials === undefined && failureOf(error).status === undefined) return [];
  const used = credentials ?? (await client.config.credentials().catch(() => undefined));
  return [used?.secretAccessKey, used?.accessKeyId, used?.sessionToken].filter((secret) => secret !== undefined);
}

async function sendDeleteObjects(
  client: S3Client,
  options: { abortSignal: AbortSignal },
  {
    bucket,
    body,
    bypassGovernance,
  }: { readonly bucket: string; readonly body: Uint8Array; readonly bypassGovernance: boolean },
  withMd5: boolean,
): Promise<Extract<DeleteAnswer, { root: "DeleteResult" }>> {
  const command = new DeleteObjectsCommand({
    Bucket: bucket,
    Delete: { Objects: [] },
    ...(bypassGovernance && { BypassGovernanceRetention: true }),
  });
  let answer: DeleteAnswer | undefined;
  command.middlewareStack.add(
    (next) => (args) => {
      const request = args.request as { body: unknown; headers: Record<string, string> };
      request.body = body;
      if (withMd5) request.headers["content-md5"] = createHash("md5").update(body).digest("base64");
      return next(args);
    },
    { name: "scrubberBody", step: "serialize", priority: "low" },
  );
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { statusCode: number; body: unknown };
      if (response.statusCode < 200 || response.statusCode >= 300) return result;
      answer = readDeleteResult(await bodyText(response.body as AsyncIterable<Uint8Array>));
      if (answer === undefined)
        throw new AnswerError(
          "UnreadableAnswer",
          "the answer to DeleteObjects is not the XML that it should be",
          response.statusCode,
        );
      if (answer.root === "Error") throw new AnswerError(answer.code, answer.message, response.statusCode);
      response.body = new Uint8Array();
      return result;
    },
    { name: "scrubberAnswer", step: "deserialize", priority: "low" },
  );
  await client.send(command, options);
  if (answer?.root !== "DeleteResult")
    throw new AnswerError("UnreadableAnswer", "the answer to DeleteObjects is empty", 200);
  return answer;
}

async function bodyText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** Lets so many through at once, in order of arrival: a request that waited for a socket inside of the agent would be taken for one that the server does not answer. */
class Slots {
  readonly #waiting: (() => void)[] = [];
  #left: number;

  constructor(count: number) {
    this.#left = count;
  }

  async take(): Promise<void> {
    if (this.#left > 0) this.#left--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  free(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#left++;
    else next();
  }
}

/** Runs `work` for each item, at most {@link REQUESTS_A_CALL} at a time. The first rejection stops new ones and is passed on when the running ones have ended. */
export async function inTurns<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let stopped = false;
  const worker = async (): Promise<void> => {
    while (!stopped && next < items.length) {
      const index = next++;
      try {
        await work(items[index] as T, index);
      } catch (error) {
        stopped = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: Math.min(REQUESTS_A_CALL, items.length) }, worker));
  const failed = ended.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
