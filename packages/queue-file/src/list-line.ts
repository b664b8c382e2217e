import {
  imageIdProblem,
  parseInstant,
  type Identity,
  type JsonValue,
  type Location,
  type NewEntry,
} from "@scrubber/core";
import * as v from "valibot";

const instant = v.pipe(
  v.string("must be a string"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return parseInstant(dataset.value);
    } catch {
      addIssue({ message: "must be an instant with a zone, as 2026-11-24T15:03:00Z" });
      return NEVER;
    }
  }),
);
const text = v.string("must be a string");

/** One location, as a line of JSON. */
const object = v.strictObject({
  imageId: text,
  uri: text,
  dueAt: v.optional(instant),
  store: v.optional(text),
  identity: v.optional(
    v.strictObject({
      etag: v.optional(text),
      versionId: v.optional(text),
      size: v.optional(v.pipe(v.number("must be a number"), v.safeInteger("must be a number of bytes"), v.minValue(0))),
      modifiedAt: v.optional(instant),
      inode: v.optional(text),
    }),
  ),
  metadata: v.optional(
    v.record(
      v.string(),
      v.custom<JsonValue>(() => true),
    ),
  ),
});

/**
 * Reads one line of a LIST: `IMAGE_ID<TAB>URI`, or a JSON object with `imageId`, `uri` and perhaps `dueAt`, `store`, `identity`, `metadata`.
 * Answers undefined for a blank line or a comment (`#`), and a text, free of what the line says, for one that cannot be read.
 */
export function parseListLine(line: string): NewEntry | string | undefined {
  if (line.startsWith("{")) return parseObject(line);
  if (line.trim() === "" || line.startsWith("#")) return undefined;
  const tab = line.indexOf("\t");
  if (tab < 0 || line.includes("\t", tab + 1)) return "it is neither IMAGE_ID, a tab and a URI, nor a JSON object";
  return checked({ imageId: line.slice(0, tab), location: { uri: line.slice(tab + 1) } });
}

function parseObject(line: string): NewEntry | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    // The parser's own message quotes the line, and so a secret in it.
    return "it is not valid JSON";
  }
  const parsed = v.safeParse(object, json);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const path = v.getDotPath(issue);
    return issue.type === "strict_object"
      ? `"${path}" is ${issue.expected === "never" ? "unknown" : "missing"}`
      : `"${path}": ${issue.message}`;
  }
  const { imageId, uri, store, identity, metadata, dueAt } = parsed.output;
  const location: Location = {
    uri,
    ...(store === undefined ? {} : { store }),
    // oxlint-disable-next-line no-unsafe-type-assertion -- JSON has no undefined, so what is optional is absent
    ...(identity === undefined ? {} : { identity: identity as Identity }),
    ...(metadata === undefined ? {} : { metadata }),
  };
  return checked({ imageId, location, ...(dueAt === undefined ? {} : { dueAt }) });
}

function checked(entry: NewEntry): NewEntry | string {
  const id = imageIdProblem(entry.imageId);
  if (id !== undefined) return `its image id cannot be one: ${id}`;
  const uri = uriProblem(entry.location.uri);
  return uri === undefined ? entry : `its URI cannot be one: ${uri}`;
}

/** Why a text cannot be a location's URI, as a clause; undefined if it can. */
function uriProblem(uri: string): string | undefined {
  if (uri === "") return "it is empty";
  if (!uri.isWellFormed()) return "it is not valid Unicode";
  // What schemeOf would find; without making a string of it, for every line of a list.
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri)) return "it has no scheme (a file is named file:///path)";
  return undefined;
}
