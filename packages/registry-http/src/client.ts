import { setTimeout as sleep } from "node:timers/promises";
import { ScrubberError } from "@scrubber/core";
import type { Authentication } from "./authentication.ts";
import type { Answer, Ask, HttpClient } from "./http.ts";

const TIMEOUT_MS = 60_000;
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
/** Worth another try: too many requests, and what a server or a proxy says when it is not ready. 413 is what Glance's rate limit says, with Retry-After. */
const PASSING: ReadonlySet<number> = new Set([429, 500, 502, 503, 504]);

/** The registry's API: answers with one of the statuses that were asked for, or an error in this project's words. */
export class RegistryClient implements Disposable {
  readonly #base: string;
  readonly #http: HttpClient;
  readonly #authentication: Authentication;

  constructor(url: string, http: HttpClient, authentication: Authentication) {
    this.#base = url.replace(/\/+$/, "");
    this.#http = http;
    this.#authentication = authentication;
  }

  /**
   * Asks, and asks again after what may pass: no answer, 500, 502, 503, 504, 429 (six times, with growing pauses; Retry-After is heeded), and once after a 401 where
   * another login may help.
   *
   * @param expected The statuses that the caller understands.
   */
  async ask(
    method: Ask["method"],
    path: string,
    expected: readonly number[],
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const url = new URL(this.#base + path);
    let refused = false;
    for (let attempt = 1; ; attempt++) {
      const headers = await this.#authentication.headers();
      const ask = { method, url, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
      let answer: Answer | undefined;
      let reason = "";
      try {
        answer = await this.#http.ask(ask, TIMEOUT_MS);
      } catch (error) {
        reason = error instanceof Error ? error.message || String("code" in error ? error.code : error) : String(error);
      }
      if (answer !== undefined) {
        const { status } = answer;
        if (expected.includes(status)) return { status, json: this.#parse(answer, url) };
        if (status === 401 && !refused && this.#authentication.refused(headers)) {
          refused = true;
          continue;
        }
        if (!PASSING.has(status) && !(status === 413 && answer.headers["retry-after"] !== undefined)) {
          throw refusal(answer, method, url);
        }
        reason = `it answers ${status}${requestId(answer)}`;
      }
      if (attempt === ATTEMPTS) {
        throw new ScrubberError(
          "SCRUBBER_REGISTRY_UNAVAILABLE",
          `the registry at ${url.origin} cannot be asked (${method} ${url.pathname}): ${reason}`,
          { hint: "See whether Glance's registry runs and can be reached from here." },
        );
      }
      await sleep(pauseMs(attempt, answer));
    }
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]();
  }

  #parse(answer: Answer, url: URL): unknown {
    try {
      return JSON.parse(answer.body);
    } catch {
      if (answer.status >= 300) return undefined;
      throw invalidAnswer(url, `it is no JSON${requestId(answer)}`);
    }
  }
}

/** An answer that cannot be understood whole is no answer. */
export function invalidAnswer(url: URL | string, reason: string): ScrubberError {
  const where = typeof url === "string" ? url : `${url.origin}${url.pathname}`;
  return new ScrubberError("SCRUBBER_REGISTRY_ANSWER_INVALID", `the answer of ${where} cannot be used: ${reason}`, {
    hint: "registry.with.url is the address of Glance's registry API v1, such as http://HOST:9191, without a path.",
  });
}

function refusal(answer: Answer, method: string, url: URL): ScrubberError {
  const what = `the registry at ${url.origin} answers ${answer.status} to ${method} ${url.pathname}${requestId(answer)}`;
  switch (answer.status) {
    case 401:
      return new ScrubberError("SCRUBBER_REGISTRY_DENIED", `${what}: it does not accept the credentials`, {
        hint: "Check registry.with.token, headers or keystone. A token ends after some time: keystone logs in anew by itself.",
      });
    case 403:
      return new ScrubberError("SCRUBBER_REGISTRY_DENIED", `${what}: not allowed`, {
        hint: "The scrubber needs the administrator's role, as deleted images are shown to nobody else.",
      });
    default:
      return invalidAnswer(url, `${answer.status}${requestId(answer)}`);
  }
}

function requestId(answer: Answer): string {
  const id = answer.headers["x-openstack-request-id"];
  return typeof id === "string" ? ` (request ${id.slice(0, 64)})` : "";
}

function pauseMs(attempt: number, answer: Answer | undefined): number {
  const asked = Number(answer?.headers["retry-after"]) * 1000;
  if (asked >= 0) return Math.min(asked, LONGEST_PAUSE_MS);
  return Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
}
