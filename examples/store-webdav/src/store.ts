import pLimit from "p-limit";
import {
  ScrubberError,
  type Call,
  type Finding,
  type Location,
  type Outcome,
  type Presence,
  type Store,
  type StoreLimits,
  type StoreSupports,
  type Target,
} from "@scrubber/core";

const REQUESTS_AT_ONCE = 8;
const CHANGED = "it was written after its deletion was requested, or is another object";
const HINT = "Check `base`, and that the server runs and serves it.";

const UNANSWERED: Outcome = { kind: "unknown", reason: "the server did not answer for it" };

/** A resource, with what must hold when it is deleted. */
interface WebdavTarget extends Target {
  readonly url: string;
  readonly etag: string | undefined;
  readonly requestedAt: Date;
}

export class WebdavStore implements Store<WebdavTarget> {
  readonly schemes: readonly string[] = ["http", "https"];
  /** Etag and time of the last change can be compared. WebDAV knows no retention and no versions, and does not say what a deletion frees. */
  readonly supports: StoreSupports = { identity: true, holds: false, versions: false, bytes: false };
  readonly limits: StoreLimits = { batch: 100, concurrency: 1 };
  /** Keys are paths on this host. A server may answer on several ports; two on one host are taken for one, which keeps rather too much. */
  readonly place: string;
  readonly #base: URL;

  constructor(base: string) {
    this.#base = new URL(base);
    this.place = `webdav:${this.#base.hostname}`;
  }

  target({
    location,
    requestedAt,
  }: {
    readonly location: Location;
    readonly requestedAt: Date;
  }): WebdavTarget | undefined {
    const url = URL.parse(location.uri);
    // Another server's: not ours. URL has brought scheme, host, port and dot segments into one spelling.
    if (url?.origin !== this.#base.origin) return undefined;
    const path = canonical(url.pathname);
    if (path === undefined || !path.startsWith(this.#base.pathname) || path.endsWith("/")) {
      throw new ScrubberError(
        "SCRUBBER_LOCATION_INVALID",
        `${url.origin}${url.pathname} is no resource below ${this.#base.href}`,
        {
          hint: "Only resources below `base` are deleted, and never a folder.",
        },
      );
    }
    return {
      key: path,
      group: this.#base.host,
      url: `${url.origin}${path}`,
      etag: location.identity?.etag,
      requestedAt,
    };
  }

  async delete(targets: readonly WebdavTarget[], { signal }: Call): Promise<readonly Outcome[]> {
    const limit = pLimit(REQUESTS_AT_ONCE);
    let outage: unknown;
    const answers = await Promise.all(
      targets.map((target) =>
        limit(async () => {
          // Nothing is sent behind an outage, and nothing is under way any more when this call ends.
          if (outage !== undefined) return UNANSWERED;
          try {
            return await this.#deleteOne(target, signal);
          } catch (error) {
            outage = error;
            return UNANSWERED;
          }
        }),
      ),
    );
    if (answers.some(({ kind }) => kind === "absent")) {
      await this.#mustBeThere(signal).catch((error: unknown) => {
        outage = error;
        for (const [index, { kind }] of answers.entries()) if (kind === "absent") answers[index] = UNANSWERED;
      });
    }
    // It fails as a whole only where nothing at all was answered.
    if (outage !== undefined && !signal.aborted && answers.every((answer) => answer === UNANSWERED)) throw outage;
    return answers;
  }

  async inspect(targets: readonly WebdavTarget[], { signal }: Call): Promise<readonly Presence[]> {
    const limit = pLimit(REQUESTS_AT_ONCE);
    const found = await Promise.all(targets.map((target) => limit(() => this.#inspectOne(target, signal))));
    if (found.some(({ kind }) => kind === "absent")) await this.#mustBeThere(signal);
    return found;
  }

  async probe({ signal, write }: Call & { readonly write: boolean }): Promise<readonly Finding[]> {
    try {
      await this.#mustBeThere(signal);
      if (write) {
        const url = `${this.#base.href}.scrubber-probe-${crypto.randomUUID()}`;
        const put = await this.#request("PUT", url, signal, {});
        const removed = await this.#request("DELETE", url, signal, {});
        if (!put.ok || !removed.ok)
          return [{ level: "problem", message: `writing below ${this.#base.href} is refused`, hint: HINT }];
      }
      return [{ level: "ok", message: `${this.#base.href} is there` }];
    } catch (error) {
      return [{ level: "problem", message: error instanceof Error ? error.message : String(error), hint: HINT }];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #deleteOne(target: WebdavTarget, signal: AbortSignal): Promise<Outcome> {
    if (signal.aborted) return { kind: "unknown", reason: "the call was ended before it was asked" };
    const condition =
      target.etag === undefined
        ? { "if-unmodified-since": target.requestedAt.toUTCString() }
        : { "if-match": `"${target.etag}"` };
    let answer: Response;
    try {
      // Not every server heeds a condition of DELETE; so the resource is looked at first, and the condition is for what happens in between.
      const seen = await this.#inspectOne(target, signal);
      if (seen.kind === "unknown") return { kind: "denied", reason: seen.reason };
      if (seen.kind !== "present") return seen;
      answer = await this.#request("DELETE", target.url, signal, condition);
    } catch (error) {
      if (signal.aborted) return { kind: "unknown", reason: "the call was ended before the server answered" };
      throw error;
    }
    switch (answer.status) {
      case 200:
      case 204:
        return { kind: "deleted" };
      case 404:
        return { kind: "absent" };
      case 412:
        return { kind: "changed", reason: CHANGED };
      case 429:
        return { kind: "throttled" };
      case 401:
      case 403:
        return { kind: "denied", reason: `the server refuses with ${answer.status}` };
      default:
        return { kind: "unknown", reason: `the server answers ${answer.status}` };
    }
  }

  async #inspectOne({ url, etag, requestedAt }: WebdavTarget, signal: AbortSignal): Promise<Presence> {
    const answer = await this.#request("HEAD", url, signal, {});
    if (answer.status === 404) return { kind: "absent" };
    if (!answer.ok) return { kind: "unknown", reason: `the server answers ${answer.status}` };
    const seen = answer.headers.get("etag")?.replace(/^(?:W\/)?"(.*)"$/, "$1");
    const modifiedAt = new Date(answer.headers.get("last-modified") ?? Number.NaN);
    const changed = etag === undefined ? modifiedAt > requestedAt : seen !== etag;
    if (changed) return { kind: "changed", reason: CHANGED };
    const bytes = Number(answer.headers.get("content-length"));
    return { kind: "present", bytes, ...(seen !== undefined && { identity: { etag: seen } }) };
  }

  /** Absent counts only where the folder is known to be there. */
  async #mustBeThere(signal: AbortSignal): Promise<void> {
    const answer = await this.#request("HEAD", this.#base.href, signal, {});
    if (answer.ok) return;
    throw new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `${this.#base.href} answers ${answer.status}`, {
      hint: HINT,
    });
  }

  async #request(method: string, url: string, signal: AbortSignal, headers: Record<string, string>): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(url, { method, signal, headers });
    } catch (cause) {
      throw new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", `${this.#base.host} cannot be reached`, {
        hint: HINT,
        cause,
      });
    }
    if (answer.status >= 500) {
      throw new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", `${this.#base.host} answers ${answer.status}`, {
        hint: HINT,
      });
    }
    return answer;
  }
}

/** One spelling for each path: what needs no escape is not escaped. Undefined where it cannot be read, or hides a separator. */
function canonical(path: string): string | undefined {
  if (/%(?:2f|5c|00)/i.test(path)) return undefined;
  try {
    return path
      .split("/")
      .map((part) => encodeURIComponent(decodeURIComponent(part)))
      .join("/");
  } catch {
    return undefined;
  }
}
