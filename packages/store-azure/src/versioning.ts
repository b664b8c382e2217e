import { failureOf } from "./failure.ts";
import { pageOf } from "./listing.ts";
import type { BlobService } from "./service.ts";

const REMEMBERED_MS = 600_000;
/** Asking is not allowed, or the service knows no versions. */
const DENIED: ReadonlySet<number> = new Set([400, 403, 409, 501]);

/** Which containers keep versions; each is asked once in a while. */
export class Versioning {
  readonly #service: BlobService;
  readonly #now: () => Date;
  readonly #known = new Map<string, { readonly until: number; readonly versioned: boolean }>();

  constructor(service: BlobService, now: () => Date) {
    this.#service = service;
    this.#now = now;
  }

  /** Whether the first blob of the container has a version: no other question that a blob's credentials may ask tells. */
  async isOn(container: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#known.get(container);
    if (known !== undefined && known.until > this.#now().getTime()) return known.versioned;
    const what = `asking whether the container ${container} keeps versions`;
    const { value: page = "", refusal } = await pageOf(
      this.#service,
      container,
      { what, versions: true, most: 1 },
      signal,
    );
    // Who may not ask is told by the answers to its deletions; who was not answered asks again, because versions would be left.
    if (refusal !== undefined && !DENIED.has(refusal.status)) throw failureOf(what, refusal);
    const versioned = /<VersionId>[^<]/.test(page);
    this.#known.set(container, { versioned, until: this.#now().getTime() + REMEMBERED_MS });
    return versioned;
  }
}
