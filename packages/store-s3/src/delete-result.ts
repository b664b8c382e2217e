/** One object that a server says it deleted. */
export interface DeletedElement {
  key: string;
  versionId: string | undefined;
  /** A marker was left, or (with a `versionId`) a marker was removed. */
  marker: boolean;
  markerVersionId: string | undefined;
}

/** One object that a server says it did not delete. */
export interface ErrorElement {
  key: string;
  versionId: string | undefined;
  code: string;
  message: string;
}

/** The answer to a DeleteObjects request, or an error in its place. */
export type DeleteAnswer =
  | {
      readonly root: "DeleteResult";
      readonly deleted: readonly DeletedElement[];
      readonly errors: readonly ErrorElement[];
    }
  | { readonly root: "Error"; readonly code: string; readonly message: string };

/**
 * Reads the answer to a DeleteObjects request (Amazon S3 API Reference, DeleteObjects, "Response Syntax").
 *
 * A general XML parser costs several times what the request itself does, so this reads just what can stand there: elements with any prefix and attributes, in any order,
 * text, character references, CDATA, comments and processing instructions. Text is kept byte for byte, so that keys stay what they are.
 * Returns undefined for what is no well-formed document with that root: then nothing of it is believed.
 */
export function readDeleteResult(xml: string): DeleteAnswer | undefined {
  const open: string[] = [];
  const deleted: DeletedElement[] = [];
  const errors: ErrorElement[] = [];
  let root: string | undefined;
  let fields: Record<string, string> = {};
  let text = "";
  let at = 0;
  for (;;) {
    const tag = xml.indexOf("<", at);
    if (tag < 0) break;
    if (tag > at && open.length > 0) {
      const piece = unescaped(xml, at, tag);
      if (piece === undefined) return undefined;
      text = text === "" ? piece : text + piece;
    }
    const next = xml.charCodeAt(tag + 1);
    if (open.length === 1 && root === "DeleteResult" && xml.startsWith(PLAIN_START, tag)) {
      // What almost all answers are made of, read without the detour by fields.
      const from = tag + PLAIN_START.length;
      const to = xml.indexOf("<", from);
      if (to >= 0 && xml.startsWith(PLAIN_END, to)) {
        const key = unescaped(xml, from, to);
        if (key === undefined) return undefined;
        deleted.push({ key, versionId: undefined, marker: false, markerVersionId: undefined });
        at = to + PLAIN_END.length;
        continue;
      }
    }
    if (next === SLASH) {
      const end = xml.indexOf(">", tag);
      const name = open.pop();
      if (end < 0 || name === undefined || xml.slice(tag + 2, end).trimEnd() !== name) return undefined;
      at = end + 1;
      closeElement(name);
    } else if (next === BANG || next === QUESTION) {
      const special = SPECIAL.find(({ start }) => xml.startsWith(start, tag));
      const end = special === undefined ? -1 : xml.indexOf(special.end, tag + special.start.length);
      if (special === undefined || end < 0) return undefined;
      if (special.literal) text += xml.slice(tag + special.start.length, end);
      at = end + special.end.length;
    } else {
      const end = endOfTag(xml, tag);
      if (end < 0) return undefined;
      const empty = xml.charCodeAt(end - 1) === SLASH;
      const inner = xml.slice(tag + 1, empty ? end - 1 : end);
      const blank = inner.search(BLANK);
      const name = blank < 0 ? inner : inner.slice(0, blank);
      if (open.length === 0) {
        if (root !== undefined) return undefined;
        root = localName(name);
      }
      if (open.length === 1 && root === "DeleteResult") fields = {};
      open.push(name);
      text = "";
      at = end + 1;
      if (empty) {
        open.pop();
        closeElement(name);
      }
    }
  }
  if (open.length > 0 || xml.slice(at).trim() !== "") return undefined;
  if (root === "DeleteResult") return { root, deleted, errors };
  return root === "Error" ? { root, code: fields["Code"] ?? "Error", message: fields["Message"] ?? "" } : undefined;

  function closeElement(qualified: string): void {
    const name = localName(qualified);
    // The fields of an entry stand at depth 2, those of an Error root at depth 1; what is deeper is none of this reader's.
    if (open.length === (root === "Error" ? 1 : 2)) fields[name] = text;
    else if (open.length === 1 && name === "Deleted") {
      deleted.push({
        key: fields["Key"] ?? "",
        versionId: fields["VersionId"] || undefined,
        marker: fields["DeleteMarker"]?.trim().toLowerCase() === "true",
        markerVersionId: fields["DeleteMarkerVersionId"] || undefined,
      });
    } else if (open.length === 1 && name === "Error") {
      errors.push({
        key: fields["Key"] ?? "",
        versionId: fields["VersionId"] || undefined,
        code: fields["Code"]?.trim() || "Error",
        message: fields["Message"]?.trim() ?? "",
      });
    }
    text = "";
  }
}

const PLAIN_START = "<Deleted><Key>";
const PLAIN_END = "</Key></Deleted>";
const SLASH = 0x2f;
const BANG = 0x21;
const QUESTION = 0x3f;
const BLANK = /\s/;
const SPECIAL: readonly { readonly start: string; readonly end: string; readonly literal: boolean }[] = [
  { start: "<?", end: "?>", literal: false },
  { start: "<!--", end: "-->", literal: false },
  { start: "<![CDATA[", end: "]]>", literal: true },
];
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function localName(name: string): string {
  return name.slice(name.indexOf(":") + 1);
}

/** Where a start tag ends; a `>` inside of an attribute's value is none. */
function endOfTag(xml: string, tag: number): number {
  let end = xml.indexOf(">", tag);
  for (let quote = nextQuote(xml, tag, end); quote >= 0; quote = nextQuote(xml, quote, end)) {
    const close = xml.indexOf(xml.charAt(quote), quote + 1);
    if (close < 0) return -1;
    quote = close + 1;
    if (quote > end) end = xml.indexOf(">", quote);
    if (end < 0) return -1;
  }
  return end;
}

function nextQuote(xml: string, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const c = xml.charCodeAt(i);
    if (c === 0x22 || c === 0x27) return i;
  }
  return -1;
}

function unescaped(xml: string, from: number, to: number): string | undefined {
  const raw = xml.slice(from, to);
  if (!raw.includes("&")) return raw;
  let whole = true;
  const text = raw.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]+));|&/g, (_, decimal, hex, name) => {
    const point = decimal === undefined ? (hex === undefined ? Number.NaN : Number.parseInt(hex, 16)) : Number(decimal);
    const character = name === undefined ? (point <= 0x10ffff ? String.fromCodePoint(point) : undefined) : NAMED[name];
    if (character === undefined) whole = false;
    return character ?? "";
  });
  return whole ? text : undefined;
}
