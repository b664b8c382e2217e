export interface ModelAnswer {
  readonly status: number;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ModelVersion {
  readonly id: string;
  readonly marker: boolean;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
  legalHold?: boolean;
  retainUntil?: Date;
}

export interface ModelBucket {
  versioning: "Enabled" | "Suspended" | undefined;
  locked: boolean;
  /** Newest first. */
  readonly objects: Map<string, ModelVersion[]>;
  readonly uploads: { readonly key: string; readonly id: string; readonly initiated: Date }[];
}

export function listVersions(bucket: ModelBucket, query: URLSearchParams): ModelAnswer {
  const prefix = query.get("prefix") ?? "";
  const all = [...bucket.objects.keys()]
    .filter((key) => key.startsWith(prefix))
    .toSorted()
    .flatMap((key) => (bucket.objects.get(key) ?? []).map((version) => ({ key, version })));
  const keyMarker = query.get("key-marker");
  const after = all.findIndex(({ key, version }) => key === keyMarker && version.id === query.get("version-id-marker"));
  const page = all.slice(after + 1, after + 1 + Number(query.get("max-keys") ?? 1000));
  const last = page.at(-1);
  const truncated = last !== undefined && last !== all.at(-1);
  const entries = page.map(({ key, version: { id, marker, size, etag, modifiedAt } }) => {
    const common = `<Key>${encodeURIComponent(key)}</Key><VersionId>${id}</VersionId><LastModified>${modifiedAt.toISOString()}</LastModified>`;
    return marker
      ? `<DeleteMarker>${common}</DeleteMarker>`
      : `<Version>${common}<ETag>&quot;${etag}&quot;</ETag><Size>${size}</Size></Version>`;
  });
  const next = truncated
    ? `${element("NextKeyMarker", encodeURIComponent(last.key))}${element("NextVersionIdMarker", last.version.id)}`
    : "";
  return {
    status: 200,
    body: `<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>${next}${entries.join("")}</ListVersionsResult>`,
  };
}

export function listUploads(bucket: ModelBucket, query: URLSearchParams): ModelAnswer {
  const uploads = bucket.uploads.filter(({ key }) => key.startsWith(query.get("prefix") ?? ""));
  const entries = uploads.map(
    ({ key, id, initiated }) =>
      `<Upload><Key>${encodeURIComponent(key)}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
  );
  return {
    status: 200,
    body: `<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${entries.join("")}</ListMultipartUploadsResult>`,
  };
}

export function listObjects(bucket: ModelBucket, query: URLSearchParams): ModelAnswer {
  const keys = [...bucket.objects].filter(
    ([key, [newest]]) => key.startsWith(query.get("prefix") ?? "") && newest?.marker === false,
  );
  return {
    status: 200,
    body: `<ListBucketResult>${keys.map(([key]) => `<Contents><Key>${escaped(key)}</Key></Contents>`).join("")}</ListBucketResult>`,
  };
}

export function element(name: string, value: string | undefined): string {
  return value === undefined ? "" : `<${name}>${value}</${name}>`;
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

export function unescaped(text: string): string {
  return text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
