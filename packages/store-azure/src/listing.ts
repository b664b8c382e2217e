import { bareEtag } from "./location.ts";
import type { BlobService, Said } from "./service.ts";

/** A blob, or one version of it, as a listing shows it. */
export interface Listed {
  /** Empty where the container keeps no versions. */
  readonly versionId: string;
  readonly current: boolean;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
  readonly leased: boolean;
}

interface Page {
  readonly what: string;
  readonly prefix?: string;
  readonly versions: boolean;
  readonly most?: number;
  readonly after?: string;
}

/** The text of one page. It is read here: the SDK's reader leaves references to characters as they stand, so that the name `a\rb` becomes another's. */
export function pageOf(
  service: BlobService,
  container: string,
  { what, prefix, versions, most, after }: Page,
  signal: AbortSignal,
): Promise<Said<string>> {
  return service.ask(what, signal, async (options) => {
    const blobs = service.container(container).listBlobsFlat({
      ...options,
      ...(prefix !== undefined && { prefix }),
      ...(versions && { includeVersions: true }),
    });
    const pages = blobs.byPage({
      ...(most !== undefined && { maxPageSize: most }),
      ...(after !== undefined && { continuationToken: after }),
    });
    const { value: page } = await pages.next();
    return page === undefined ? "" : page._response.bodyAsText;
  });
}

/** Exactly the blob of this name, with `versions` each of its versions, from all pages. The name is asked for in a parameter, where no URL's rules touch it. */
export async function listExactly(
  service: BlobService,
  container: string,
  name: string,
  versions: boolean,
  signal: AbortSignal,
): Promise<Said<readonly Listed[]>> {
  const found: Listed[] = [];
  let after: string | undefined;
  do {
    const asked = { what: listing(container), prefix: name, versions, ...(after !== undefined && { after }) };
    const { value: page, refusal } = await pageOf(service, container, asked, signal);
    if (refusal !== undefined) return { refusal };
    for (const [, blob = ""] of page.matchAll(/<Blob>([^]*?)<\/Blob>/g)) {
      if (nameIn(blob) === name) found.push(listedIn(blob));
    }
    after = field(page, "NextMarker") || undefined;
  } while (after !== undefined);
  return { value: found };
}

/** What `listExactly` does, for an error. */
export function listing(container: string): string {
  return `listing in the container ${container}`;
}

function listedIn(blob: string): Listed {
  return {
    versionId: field(blob, "VersionId"),
    current: field(blob, "IsCurrentVersion") === "true",
    size: Number(field(blob, "Content-Length")),
    etag: bareEtag(field(blob, "Etag")),
    modifiedAt: new Date(field(blob, "Last-Modified")),
    leased: field(blob, "LeaseStatus") === "locked",
  };
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
