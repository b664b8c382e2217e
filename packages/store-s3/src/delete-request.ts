/** One object, or one version of it, that is to be deleted. */
export interface ObjectRef {
  readonly name: string;
  readonly versionId: string | undefined;
}

/**
 * Keys that do not survive XML in all servers: what XML 1.0 cannot carry at all, line breaks of any kind (which a reader may turn into others), and white
 * space at either end (which a reader may cut off). Such objects are deleted one by one, with the key in the URL.
 */
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|^[\s\ufeff]|[\s\ufeff]$/;
const ESCAPED = /[&<>]/g;
const ENTITY: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Whether a key can stand in a DeleteObjects request and come back unchanged. */
export function fitsXml(name: string): boolean {
  return !UNFIT.test(name);
}

/** The body of a verbose DeleteObjects request (Amazon S3 API Reference, DeleteObjects, "Request Syntax"). Made by hand, since the SDK's own costs more than all the rest. */
export function writeDeleteRequest(refs: readonly ObjectRef[]): Uint8Array {
  const parts: string[] = [
    '<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
  ];
  for (const { name, versionId } of refs) {
    parts.push("<Object><Key>", escaped(name));
    if (versionId !== undefined) parts.push("</Key><VersionId>", escaped(versionId), "</VersionId></Object>");
    else parts.push("</Key></Object>");
  }
  parts.push("</Delete>");
  return Buffer.from(parts.join(""));
}

function escaped(text: string): string {
  return text.search(ESCAPED) < 0 ? text : text.replace(ESCAPED, (character) => ENTITY[character] ?? character);
}
