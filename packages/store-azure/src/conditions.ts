import type { AzureTarget } from "./location.ts";
import type { BlobService } from "./service.ts";
import type { Deletion } from "./signature.ts";

/** What must hold for a blob to be deleted, as the service is told. */
export class Conditions {
  readonly #service: BlobService;
  readonly #check: boolean;
  readonly #withEtag = new Set<AzureTarget>();
  #dated = { time: Number.NaN, text: "" };

  constructor(service: BlobService, check: boolean) {
    this.#service = service;
    this.#check = check;
  }

  /** `etag`: the one that was seen, if the blob was looked at; else a recorded one counts. */
  deletion(target: AzureTarget, etag: string | undefined): Deletion {
    const { group, encodedName, identity, unmodifiedSince } = target;
    const versionId = identity?.versionId;
    const match = etag ?? (this.#check ? identity?.etag : undefined);
    if (match !== undefined) this.#withEtag.add(target);
    return {
      path: this.#service.path(group, encodedName),
      versionId,
      ifMatch: match === undefined ? undefined : `"${match}"`,
      ifUnmodifiedSince:
        this.#check && versionId === undefined && Number.isFinite(unmodifiedSince)
          ? this.#httpDate(unmodifiedSince)
          : undefined,
    };
  }

  /** Whether an etag was among the conditions of its deletion. */
  hasEtag(target: AzureTarget | undefined): boolean {
    return target !== undefined && this.#withEtag.has(target);
  }

  /** Blobs of one image, or of one request, were asked for at one time. */
  #httpDate(time: number): string {
    if (time !== this.#dated.time) this.#dated = { time, text: new Date(time).toUTCString() };
    return this.#dated.text;
  }
}
