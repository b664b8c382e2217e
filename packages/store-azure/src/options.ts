import { isScrubberError, parseDuration } from "@scrubber/core";
import * as v from "valibot";

/** What a person may write under `with`. */
export interface AzureOptionsInput {
  readonly account?: string | undefined;
  readonly accountKey?: string | undefined;
  readonly sas?: string | undefined;
  readonly connectionString?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly containers?: string[] | undefined;
  readonly versions?: "all" | "current" | undefined;
  readonly identity?: "check" | "unchecked" | undefined;
  readonly ca?: string | undefined;
  readonly timeout?: string | undefined;
}

/** The options once checked, with their defaults. */
export interface AzureOptions {
  /** The storage account's name. */
  readonly account?: string | undefined;
  readonly accountKey?: string | undefined;
  /** A shared access signature: a query string, with or without `?`. */
  readonly sas?: string | undefined;
  readonly connectionString?: string | undefined;
  /** Base URL of the blob service. Undefined: `https://ACCOUNT.blob.core.windows.net`. */
  readonly endpoint?: string | undefined;
  /** The only containers that may be touched. Undefined: every container that the credentials reach. */
  readonly containers?: string[] | undefined;
  /** In a container with versioning: `all` frees the data, `current` leaves the older versions. */
  readonly versions: "all" | "current";
  /** `check`: a blob written after the request, or that differs from what was recorded, stays. */
  readonly identity: "check" | "unchecked";
  /** Certificate authority: a PEM file's path, or PEM itself. */
  readonly ca?: string | undefined;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeout: number;
}

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));

const endpoint = v.pipe(
  text,
  v.check(
    (value) => /^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(value) && URL.canParse(value),
    "must be a URL such as https://images.blob.core.windows.net, without credentials, ? or #",
  ),
);

const duration = v.pipe(
  text,
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      const ms = parseDuration(dataset.value);
      if (ms > 0) return ms;
      addIssue({ message: "must be longer than nothing: a server that never answers would be waited for without end" });
    } catch (error) {
      if (!isScrubberError(error)) throw error;
      addIssue({ message: `${error.message}. ${error.hint ?? ""}` });
    }
    return NEVER;
  }),
);

/** The options under `with`. Each is described in the package's README. */
export const optionsSchema: v.GenericSchema<AzureOptionsInput, AzureOptions> = v.pipe(
  v.strictObject({
    account: v.optional(v.pipe(text, v.regex(/^[a-z0-9]{3,24}$/, "must be 3 to 24 small letters and digits"))),
    accountKey: v.optional(v.pipe(text, v.base64("must be base64, as the Azure portal shows it"))),
    sas: v.optional(v.pipe(text, v.regex(/(?:^|[?&])sig=/, "must be a shared access signature: it has sig= in it"))),
    connectionString: v.optional(text),
    endpoint: v.optional(endpoint),
    containers: v.optional(
      v.pipe(v.array(text), v.nonEmpty("must name at least one; leave it out to allow every container")),
    ),
    versions: v.optional(v.picklist(["all", "current"]), "all"),
    identity: v.optional(v.picklist(["check", "unchecked"]), "check"),
    ca: v.optional(text),
    timeout: v.optional(duration, "30s"),
  }),
  v.check(
    ({ accountKey, sas, connectionString, endpoint: url }) =>
      accountKey !== undefined || sas !== undefined || connectionString !== undefined || !/^http:/i.test(url ?? ""),
    "endpoint must begin with https: where none of accountKey, sas and connectionString is given, because a token would travel in the clear",
  ),
  v.check(
    ({ accountKey, sas, connectionString }) =>
      [accountKey, sas, connectionString].filter((given) => given !== undefined).length <= 1,
    "give one of accountKey, sas and connectionString, or none of them (then DefaultAzureCredential finds the credentials)",
  ),
  v.check(
    ({ account, endpoint: url, connectionString }) =>
      account !== undefined || url !== undefined || connectionString !== undefined,
    "account is missing: name the storage account, or give an endpoint or a connectionString",
  ),
  v.check(
    ({ account, accountKey }) => accountKey === undefined || account !== undefined,
    "accountKey needs account: the key signs in the account's name",
  ),
  v.check(
    ({ account, endpoint: url, connectionString }) =>
      connectionString === undefined || (account === undefined && url === undefined),
    "connectionString names account and endpoint itself: leave account and endpoint out",
  ),
);
