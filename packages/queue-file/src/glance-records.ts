import { schemeOf, type Cipher } from "@scrubber/core";
import type { Line } from "./line-reader.ts";
import type { PlacedRecord } from "./record.ts";

/** Whole seconds since 1970, of 2001 or later. A number cut short by a crash has fewer digits. */
const EPOCH = /^\d{10,11}$/;
/** What Juno writes before the URI: the number of the location's row, or a dash. */
const ROW = /^(?:\d{1,9}|-)$/;
/** URL-safe base64 of an initialisation vector and at least one block. */
const SEALED = /^[A-Za-z0-9_-]{43,}={0,2}$/;

type Kind = "uri" | "epoch" | "row" | "other";

function kindOf(text: string): Kind {
  if (EPOCH.test(text)) return "epoch";
  if (ROW.test(text)) return "row";
  return schemeOf(text) !== undefined || SEALED.test(text) ? "uri" : "other";
}

/**
 * Reads the records of a queue file of OpenStack Glance, as of 2014 (glance/store/scrubber.py, Icehouse and Juno): a URI and the epoch second at which it
 * may be deleted, a line each; Juno writes the row's number on a line before them. With `metadata_encryption_key`, the URI is sealed.
 *
 * Blank lines mean nothing. A URI is never stripped. What does not fit is a problem of its own, and the next record is read all the same: a URI without its time is not
 * taken, for Glance leaves the first line of records behind that it has removed.
 */
export function* readGlanceRecords(
  lines: Iterable<Line>,
  imageId: string,
  cipher: Cipher | undefined,
): Generator<PlacedRecord> {
  let uri: Line | undefined;
  let previous: Line | undefined;
  for (const line of lines) {
    const { text } = line;
    if (text?.trim() === "") continue;
    const kind = text === undefined ? "other" : kindOf(text);
    const place = { end: previous?.end ?? 0, lines: previous?.number ?? 0 };
    if (uri !== undefined && kind !== "epoch") {
      yield { line: uri.number, problem: "a URI without the time of its deletion", ...place };
      uri = undefined;
    }
    previous = line;
    const after = { end: line.end, lines: line.number };
    if (kind === "uri") {
      uri = line;
    } else if (kind === "epoch" && uri !== undefined) {
      yield { ...toRecord(uri, Number(text), imageId, cipher), ...after };
      uri = undefined;
    } else if (kind === "epoch") {
      yield { line: line.number, problem: "a time without a URI before it", ...after };
    } else if (kind === "other") {
      yield { line: line.number, problem: "neither a URI nor a time", ...after };
    }
  }
  if (uri !== undefined && previous !== undefined) {
    yield {
      line: uri.number,
      problem: "a URI without the time of its deletion",
      end: previous.end,
      lines: previous.number,
    };
  } else if (previous?.text !== undefined && kindOf(previous.text) === "row") {
    yield {
      line: previous.number,
      problem: "a time cut short, or a row's number without a URI",
      end: previous.end,
      lines: previous.number,
    };
  }
}

function toRecord(
  { text = "", number }: Line,
  epoch: number,
  imageId: string,
  cipher: Cipher | undefined,
): { readonly line: number } & ({ readonly entry: NonNullable<PlacedRecord["entry"]> } | { readonly problem: string }) {
  const dueAt = new Date(epoch * 1000);
  if (schemeOf(text) !== undefined) return { line: number, entry: { imageId, location: { uri: text }, dueAt } };
  if (cipher === undefined) return { line: number, problem: "its URI is sealed, and no key is configured" };
  try {
    return { line: number, entry: { imageId, location: { uri: cipher.open(text) }, dueAt } };
  } catch {
    return { line: number, problem: "its URI is sealed under a key that is not configured, or damaged" };
  }
}
