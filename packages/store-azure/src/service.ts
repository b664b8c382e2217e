import type { Account } from "./account.ts";
import type { Authority, Unsigned } from "./authority.ts";
import { type BatchAnswer, readBatchAnswer } from "./batch-answer.ts";
import { batchRequest, type Deletion } from "./batch-request.ts";
import { Exchange } from "./exchange.ts";
import { type Answer, failureOf, noAnswer } from "./failure.ts";

/** Has container-scoped batches, versions and immutability. Source: https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services */
const API_VERSION = "2021-12-02";

/** The blob service of one account. Nothing is tried twice: the pace is the engine's to keep. */
export class BlobService {
  readonly account: Account;
  readonly #authority: Authority;
  readonly #exchange: Exchange;

  constructor(
    account: Account,
    authority: Authority,
    settings: { readonly timeout: number; readonly sockets: number },
  ) {
    this.account = account;
    this.#authority = authority;
    this.#exchange = new Exchange(account.origin, settings);
  }

  /** The path of a container, or of a blob in it. */
  path(container: string, encodedName?: string): string {
    const base = `${this.account.basePath}/${container}`;
    return encodedName === undefined ? base : `${base}/${encodedName}`;
  }

  /**
   * Deletes 1 to 256 blobs of one container in one request.
   * @throws {ScrubberError} `SCRUBBER_STORE_*` or `SCRUBBER_BATCH_REJECTED`, where the batch as a whole was not answered.
   */
  async deleteBatch(container: string, deletions: readonly Deletion[], signal: AbortSignal): Promise<BatchAnswer> {
    const what = `deleting in the container ${container}`;
    const signer = await this.#signer(what, signal);
    const { contentType, body } = batchRequest(deletions, signer, new Date().toUTCString());
    const answer = await this.send(
      what,
      {
        method: "POST",
        path: this.path(container),
        query: { comp: "batch", restype: "container" },
        headers: { "content-type": contentType },
      },
      signal,
      body,
    );
    if (answer.status !== 202 && answer.status !== 200) throw failureOf(what, answer);
    return readBatchAnswer(answer.headers.get("content-type") ?? "", answer.body, deletions.length);
  }

  /** @throws {ScrubberError} if no answer came; an answer of any status is returned. */
  async send(
    what: string,
    request: Pick<Unsigned, "method" | "path" | "query" | "headers">,
    signal: AbortSignal,
    body?: Buffer,
  ): Promise<Answer> {
    const signer = await this.#signer(what, signal);
    const length = body?.length ?? 0;
    const unsigned: Unsigned = {
      ...request,
      headers: { ...request.headers, "x-ms-date": new Date().toUTCString(), "x-ms-version": API_VERSION },
      length,
    };
    const authorization = signer.authorization(unsigned);
    const query = [
      ...Object.entries(request.query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`),
      ...(signer.query === "" ? [] : [signer.query]),
    ].join("&");
    try {
      return await this.#exchange.send(
        {
          method: request.method,
          target: query === "" ? request.path : `${request.path}?${query}`,
          headers: {
            ...unsigned.headers,
            ...(body !== undefined && { "content-length": length }),
            ...(authorization !== undefined && { authorization }),
          },
          body,
        },
        signal,
      );
    } catch (error) {
      throw noAnswer(what, error);
    }
  }

  async #signer(what: string, signal: AbortSignal): ReturnType<Authority["signer"]> {
    try {
      return await this.#authority.signer(signal);
    } catch (error) {
      throw noAnswer(what, error);
    }
  }

  close(): void {
    this.#exchange.close();
  }
}
