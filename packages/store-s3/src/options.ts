import { isScrubberError, parseDuration } from "@scrubber/core";
import * as v from "valibot";

const text = v.pipe(v.string(), v.nonEmpty("must not be empty"));

const endpoint = v.pipe(
  text,
  v.check(
    (value) => /^https?:\/\/[^/?#@]+(?:\/[^?#]*)?$/i.test(value) && URL.canParse(value),
    (issue) => {
      // What is refused may hold a credential before an @, so it is not repeated then.
      const shown = String(issue.input).includes("@") ? "" : ` "${String(issue.input)}"`;
      return `endpoint${shown} must be a URL such as https://s3.example.com:8443, without credentials, ? or #`;
    },
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
export const optionsSchema: v.GenericSchema<S3OptionsInput, S3Options> = v.pipe(
  v.strictObject({
    endpoint: v.optional(endpoint),
    hosts: v.optional(v.array(text), []),
    region: v.optional(text),
    accessKeyId: v.optional(text),
    secretAccessKey: v.optional(text),
    sessionToken: v.optional(text),
    forcePathStyle: v.optional(v.boolean()),
    buckets: v.optional(
      v.pipe(v.array(text), v.nonEmpty("buckets must name at least one; leave it out to allow every bucket")),
    ),
    glanceUris: v.optional(v.boolean(), false),
    versions: v.optional(v.picklist(["all", "current"]), "all"),
    identity: v.optional(v.picklist(["check", "unchecked"]), "unchecked"),
    bypassGovernance: v.optional(v.boolean(), false),
    abortUploads: v.optional(v.boolean(), false),
    ca: v.optional(text),
    timeout: v.optional(duration, "30s"),
  }),
  v.check(
    ({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined),
    "accessKeyId and secretAccessKey belong together: give both, or neither (then the credentials come from the environment, as for every AWS tool)",
  ),
  v.check(
    ({ sessionToken, accessKeyId }) => sessionToken === undefined || accessKeyId !== undefined,
    "sessionToken needs accessKeyId and secretAccessKey",
  ),
);

/** What a person may write under `with`. */
export interface S3OptionsInput {
  readonly endpoint?: string | undefined;
  readonly hosts?: string[] | undefined;
  readonly region?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  readonly forcePathStyle?: boolean | undefined;
  readonly buckets?: string[] | undefined;
  readonly glanceUris?: boolean | undefined;
  readonly versions?: "all" | "current" | undefined;
  readonly identity?: "check" | "unchecked" | undefined;
  readonly bypassGovernance?: boolean | undefined;
  readonly abortUploads?: boolean | undefined;
  readonly ca?: string | undefined;
  readonly timeout?: string | undefined;
}

/** The options once checked, with their defaults. */
export interface S3Options {
  /** Base URL of the server. Undefined: the environment's, else AWS. */
  readonly endpoint?: string | undefined;
  /** Other names (`host` or `host:port`) under which locations may name the same server. */
  readonly hosts: string[];
  /** Undefined: `us-east-1` where an endpoint is given, else the AWS tools' own configuration. */
  readonly region?: string | undefined;
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly sessionToken?: string | undefined;
  /** Undefined: true where an endpoint is given. */
  readonly forcePathStyle?: boolean | undefined;
  /** The only buckets that may be touched. Undefined: every bucket that the credentials reach. */
  readonly buckets?: string[] | undefined;
  /** Reads `s3://` as Glance writes it, `[access:secret@]host/bucket/key`, and signs with the credentials found there. */
  readonly glanceUris: boolean;
  /** In a versioned bucket: `all` frees the data, `current` leaves a delete marker. */
  readonly versions: "all" | "current";
  /** `check`: every object is looked at before it is deleted, one more request each. */
  readonly identity: "check" | "unchecked";
  readonly bypassGovernance: boolean;
  readonly abortUploads: boolean;
  /** Certificate authority: a PEM file's path, or PEM itself. */
  readonly ca?: string | undefined;
  /** Longest wait for an answer, in milliseconds. */
  readonly timeout: number;
}
