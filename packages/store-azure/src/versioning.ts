import { failureOf } from "./failure.ts";
import { pageOf } from "./listing.ts";
import type { BlobService } from "./service.ts";

const REMEMBERED_MS = 600_000;
/** Asking is not allowed, or the service knows no versions. */
const DENIED: ReadonlySet<number> = new Set([400, 403, 409, 501]);

/** Whether the refusal of a listing says that there is nothing to be learnt, now or later. */
export function isDenied({ status }: { readonly status: number }): boolean {
  return DENIED.has(status);
}

/** What is known of a container. */
export interface Kept {
  /** Versions are kept in it. */
  versions: boolean;
  /** By what a deletion left, which is more than the first blob tells: that one may be older than the account's versioning. */
  proven: boolean;
}

/** Which containers keep versions; each is asked once in a while. */
export class Versioning {
  readonly #service: BlobService;
  readonly #now: () => Date;
  readonly #known = new Map<string, Kept & { readonly until: number }>();

  constructor(service: BlobService, now: () => Date) {
    this.#service = service;
    this.#now = now;
  }

  /** What is known, or what the first blob of the container tells: whether it has a version. Whoever deletes adds what he sees to the answer. */
  async of(container: string, signal: AbortSignal): Promise<Kept> {
    const known = this.#known.get(container);
    // Versions that were seen stay, even if no more are made.
    if (known !== undefined && (known.until > this.#now().getTime() || (known.versions && known.proven))) return known;
    const what = `asking whether the container ${container} keeps versions`;
    const { value: page = "", refusal } = await pageOf(
      this.#service,
      container,
      { what, versions: true, most: 1 },
      signal,
    );
    // Who may not ask is told by the answers to its deletions; who was not answered asks again, because versions would be left.
    if (refusal !== undefined && !isDenied(refusal)) throw failureOf(what, refusal);
    const kept = {
      versions: /<VersionId>[^<]/.test(page),
      proven: false,
      until: this.#now().getTime() + REMEMBERED_MS,
    };
    this.#known.set(container, kept);
    return kept;
  }
}
