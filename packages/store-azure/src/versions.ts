import { failureOf } from "./failure.ts";
import { bareEtag } from "./location.ts";
import type { BlobService } from "./service.ts";

/** One version of a blob. */
export interface Version {
  readonly versionId: string;
  readonly current: boolean;
  readonly etag: string;
  readonly modifiedAt: Date;
}

const REMEMBERED_MS = 600_000;

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
    const answer = await this.#service.send(
      `asking whether the container ${container} keeps versions`,
      listing(this.#service, container, { maxresults: "1" }),
      signal,
    );
    const versioned = answer.status === 200 && /<VersionId>[^<]/.test(answer.body);
    this.#known.set(container, { versioned, until: this.#now().getTime() + REMEMBERED_MS });
    return versioned;
  }
}

/**
 * Every version of exactly this blob, from all pages.
 * @throws {ScrubberError} `SCRUBBER_STORE_*`
 */
export async function versionsOf(
  service: BlobService,
  container: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly Version[]> {
  const what = `listing versions in the container ${container}`;
  const versions: Version[] = [];
  let marker = "";
  do {
    const page = { prefix: name, ...(marker !== "" && { marker }) };
    const answer = await service.send(what, listing(service, container, page), signal);
    if (answer.status !== 200) throw failureOf(what, answer);
    for (const [, blob = ""] of answer.body.matchAll(/<Blob>([^]*?)<\/Blob>/g)) {
      if (nameIn(blob) !== name) continue;
      versions.push({
        versionId: field(blob, "VersionId"),
        current: field(blob, "IsCurrentVersion") === "true",
        etag: bareEtag(field(blob, "Etag")),
        modifiedAt: new Date(field(blob, "Last-Modified")),
      });
    }
    marker = field(answer.body, "NextMarker");
  } while (marker !== "");
  return versions;
}

function listing(
  service: BlobService,
  container: string,
  page: Readonly<Record<string, string>>,
): Parameters<BlobService["send"]>[1] {
  const query = { restype: "container", comp: "list", include: "versions", ...page };
  return { method: "GET", path: service.path(container), query, headers: {} };
}

function nameIn(blob: string): string {
  const [, attributes = "", text = ""] = /<Name([^>]*)>([^<]*)<\/Name>/.exec(blob) ?? [];
  // Names that XML cannot carry come percent-encoded.
  return /Encoded="true"/i.test(attributes) ? decodeURIComponent(unescape(text)) : unescape(text);
}

function field(xml: string, name: string): string {
  return unescape(new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "");
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function unescape(text: string): string {
  return text.replace(/&(?:#x([\da-f]+)|#(\d+)|(\w+));/gi, (entity, hex?: string, decimal?: string, word?: string) => {
    if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16));
    if (decimal !== undefined) return String.fromCodePoint(Number(decimal));
    return ENTITIES[word ?? ""] ?? entity;
  });
}
