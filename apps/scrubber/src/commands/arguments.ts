import { imageIdProblem, maskUri, schemeOf, ScrubberError } from "@scrubber/core";
import type { Scrubber } from "@scrubber/engine";

/** An image id from the command line. @throws {ScrubberError} `SCRUBBER_IMAGE_ID_INVALID` */
export function imageIdArgument(text: string): string {
  const problem = imageIdProblem(text);
  if (problem === undefined) return text;
  throw new ScrubberError("SCRUBBER_IMAGE_ID_INVALID", `the image id cannot be one: ${problem}`, {
    hint: "An image id is 1 to 255 bytes without control characters.",
  });
}

/** A store's id from the command line. @throws {ScrubberError} `SCRUBBER_USAGE`, naming the stores there are. */
export function storeArgument(id: string, { stores }: Scrubber): string {
  if (stores.has(id)) return id;
  throw new ScrubberError("SCRUBBER_USAGE", `there is no store "${id}"`, {
    hint: `Configured are: ${[...stores.keys()].join(", ")}.`,
  });
}

/** A location's URI from the command line. @throws {ScrubberError} `SCRUBBER_LOCATION_INVALID` */
export function uriArgument(uri: string): string {
  if (uri.isWellFormed() && schemeOf(uri) !== undefined) return uri;
  throw new ScrubberError("SCRUBBER_LOCATION_INVALID", `"${maskUri(uri.toWellFormed())}" is no URI: it has no scheme`, {
    hint: `Nothing was added. ${uri.startsWith("/") ? `Did you mean file://${uri}?` : "A URI begins with a scheme: file:///path, s3://bucket/key, ..."}`,
  });
}
