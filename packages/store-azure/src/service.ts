import {
  BlobBatchClient,
  BlobServiceClient,
  BlockBlobClient,
  ContainerClient,
  newPipeline,
  type Pipeline,
} from "@azure/storage-blob";
import { type Connections, openConnections, ScrubberError } from "@scrubber/core";
import type { Account } from "./account.ts";
import { type BatchAnswer, readBatchAnswer } from "./batch-answer.ts";
import { DeletionBatch } from "./batch-request.ts";
import { answerIn, failureOf, noAnswer, type Refusal } from "./failure.ts";
import { type Deletion, signerOf } from "./signature.ts";

/** What a request came to: what was asked for, or the service's refusal. */
export type Said<T> =
  | { readonly value: T; readonly refusal?: undefined }
  | { readonly value?: undefined; readonly refusal: Refusal };

export interface Settings {
  /** Longest wait for an answer, in milliseconds. */
  readonly timeout: number;
  readonly sockets: number;
  /** The certificate authority to trust, as PEM; undefined: those of the system. */
  readonly ca: string | undefined;
}

/**
 * The blob service of one account, through the SDK's pipeline. Nothing is tried twice, because the pace is the engine's to keep, but what crossed with the closing of an idle connection.
 * Should the service have acted on it all the same, nothing is done that was not asked for: a deletion has the same conditions both times, and what it finds gone is absent.
 */
export class BlobService {
  readonly account: Account;
  readonly #pipeline: Pipeline;
  readonly #connections: Connections;
  readonly #timeout: number;

  constructor(account: Account, settings: Settings) {
    this.account = account;
    this.#timeout = settings.timeout;
    const connections = openConnections(new URL(account.origin).protocol, {
      maxSockets: settings.sockets,
      ...(settings.ca !== undefined && { ca: settings.ca }),
    });
    this.#connections = connections;
    this.#pipeline = newPipeline(account.credential, { retryOptions: { maxTries: 1 } });
    this.#pipeline.factories.push({
      create: (next) => ({
        async sendRequest(request) {
          // The SDK's own connections are the process's: without bound, and never closed. A proxy's agent is left alone.
          const response =
            request.agent === undefined
              ? await connections.send((agent) => {
                  request.agent = agent;
                  return next.sendRequest(request);
                })
              : await next.sendRequest(request);
          // The SDK follows redirections; where one leads, another blob may be.
          if (response.request.url !== request.url) throw redirected(account.origin);
          return response;
        },
      }),
    });
  }

  /** The path of a container, or of a blob in it, as it stands in a request line. */
  path(container: string, encodedName?: string): string {
    const base = `${this.account.basePath}/${container}`;
    return encodedName === undefined ? base : `${base}/${encodedName}`;
  }

  get service(): BlobServiceClient {
    return new BlobServiceClient(this.#url(this.account.basePath), this.#pipeline);
  }

  container(name: string): ContainerClient {
    return new ContainerClient(this.#url(this.path(name)), this.#pipeline);
  }

  /** By its URL: of a name the SDK would make one with its slashes bare, and so resolve the dots in `./x`. */
  blob(container: string, encodedName: string): BlockBlobClient {
    return new BlockBlobClient(this.#url(this.path(container, encodedName)), this.#pipeline);
  }

  /**
   * Deletes 1 to 256 blobs of one container in one request.
   * @throws {ScrubberError} `SCRUBBER_STORE_*` or `SCRUBBER_BATCH_REJECTED`, where the batch as a whole was not answered.
   */
  async deleteBatch(container: string, deletions: readonly Deletion[], signal: AbortSignal): Promise<BatchAnswer> {
    const what = `deleting in the container ${container}`;
    const client = new BlobBatchClient(this.#url(this.path(container)), this.#pipeline);
    const { value, refusal } = await this.ask(what, signal, async (options) => {
      const signer = await signerOf(this.account, options.abortSignal);
      return submit(client, new DeletionBatch(deletions, signer, new Date().toUTCString()), options.abortSignal);
    });
    if (refusal !== undefined) throw failureOf(what, refusal);
    return readBatchAnswer(value.contentType, value.body, deletions.length);
  }

  /** @throws {ScrubberError} if no answer came in time, or before `signal` was aborted. */
  async ask<T>(
    what: string,
    signal: AbortSignal,
    call: (options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<Said<T>> {
    const bound = new AbortController();
    const abort = (): void => bound.abort();
    signal.addEventListener("abort", abort, { once: true });
    const timer = setTimeout(abort, this.#timeout);
    try {
      signal.throwIfAborted();
      return { value: await call({ abortSignal: bound.signal }) };
    } catch (error) {
      const answer = answerIn(error);
      if (answer !== undefined) return { refusal: answer };
      const late = bound.signal.aborted && !signal.aborted;
      throw noAnswer(what, late ? Object.assign(new Error("no answer in time"), { code: "ETIMEDOUT" }) : error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  #url(path: string): string {
    const { origin, sas } = this.account;
    return sas === undefined ? origin + path : `${origin}${path}?${sas}`;
  }

  close(): void {
    this.#connections[Symbol.dispose]();
  }
}

function redirected(origin: string): ScrubberError {
  return new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", `${origin} answers with a redirection`, {
    hint: "The blob service does not: something stands before it. Correct the endpoint.",
  });
}

interface WholeAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** Leaves the SDK with a batch's answer before it is read there. */
class Answered extends Error {
  readonly contentType: string;
  readonly stream: NodeJS.ReadableStream | undefined;

  constructor(contentType: string, stream: NodeJS.ReadableStream | undefined) {
    super("answered");
    this.contentType = contentType;
    this.stream = stream;
  }
}

/** The SDK's reader fails on an answer that lacks a part, and so on all the others; what `onResponse` throws gets past it. */
async function submit(client: BlobBatchClient, batch: DeletionBatch, abortSignal: AbortSignal): Promise<WholeAnswer> {
  try {
    await client.submitBatch(batch, {
      abortSignal,
      onResponse(raw, _, error) {
        if (error === undefined) throw new Answered(raw.headers.get("content-type") ?? "", raw.readableStreamBody);
      },
    });
  } catch (error) {
    if (!(error instanceof Answered)) throw error;
    const chunks: Buffer[] = [];
    for await (const chunk of error.stream ?? []) chunks.push(chunk as Buffer);
    return { contentType: error.contentType, body: Buffer.concat(chunks).toString() };
  }
  throw new Error("submitBatch ended without an answer");
}
