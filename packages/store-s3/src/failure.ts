import { ScrubberError, type ErrorCode } from "@scrubber/core";

/**
 * What a failed request means.
 *
 * `aborted`: the caller's time is up. `timeout`: no answer in time; the server may have acted. `throttled`: it asks for patience and did nothing.
 * `unavailable`: the server, or the way to it. `misconfigured`: the bucket, the credentials, the region, the certificate. `contentMd5`: it wants that header.
 * `rejected`: it will not read a request like this one (400). `unsupported`: it does not know this kind of request.
 */
export type FailureKind =
  | "aborted"
  | "timeout"
  | "throttled"
  | "unavailable"
  | "misconfigured"
  | "denied"
  | "contentMd5"
  | "rejected"
  | "unsupported";

export interface Failure {
  readonly kind: FailureKind;
  /** The server's own word (`AccessDenied`), or the system's (`ECONNREFUSED`), or the HTTP status. */
  readonly code: string;
  readonly status: number | undefined;
  /** For a person; secrets removed. */
  readonly message: string;
}

/** An error that carries what the server said, for answers that are read by hand. */
export class AnswerError extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(code: string, message: string, status: number) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode: status };
  }
}

const THROTTLING: ReadonlySet<string> = new Set(
  "SlowDown SlowDownRead SlowDownWrite Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException TooManyRequests TooManyRequestsException RequestLimitExceeded BandwidthLimitExceeded LimitExceededException PriorRequestNotComplete TransactionInProgressException".split(
    " ",
  ),
);
const MISCONFIGURED: ReadonlySet<string> = new Set(
  (
    "NoSuchBucket InvalidBucketName InvalidAccessKeyId SignatureDoesNotMatch ExpiredToken InvalidToken TokenRefreshRequired RequestTimeTooSkewed RequestExpired " +
    "AuthorizationHeaderMalformed AuthorizationQueryParametersError InvalidSecurity AccountProblem AllAccessDisabled NotSignedUp InvalidPayer PermanentRedirect " +
    "CredentialsProviderError TokenProviderError EndpointError DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_VERIFY_LEAF_SIGNATURE " +
    "UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_ISSUER_CERT_LOCALLY CERT_HAS_EXPIRED CERT_NOT_YET_VALID ERR_TLS_CERT_ALTNAME_INVALID"
  ).split(" "),
);

/** Whether a code says that the server wants less of it, in a whole answer or for a single key. */
export function isThrottling(code: string): boolean {
  return THROTTLING.has(code);
}

/** Reads what a request rejected with. `secrets` are struck out of the message. */
export function failureOf(error: unknown, secrets: readonly string[] = []): Failure {
  const { name = "Error", code: system, message = "", $metadata, cause } = shapeOf(error);
  const status = $metadata?.httpStatusCode;
  const code =
    system !== undefined && (name === "Error" || name === "TimeoutError" || name === "AggregateError") ? system : name;
  const text = secrets.reduce(
    (clean, secret) => clean.replaceAll(secret, "***"),
    message || String(shapeOf(cause).message ?? ""),
  );
  return { kind: kindOf(name, code, text, status), code: namedOr(code, status), status, message: text };
}

interface ErrorShape {
  readonly name?: string;
  readonly code?: string;
  readonly message?: string;
  readonly cause?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

function shapeOf(error: unknown): ErrorShape {
  return typeof error === "object" && error !== null ? error : {};
}

/** An answer without a body leaves the SDK without a name for it. */
function namedOr(code: string, status: number | undefined): string {
  return status !== undefined && /^(?:Unknown|UnknownError|Error|\d+)$/.test(code) ? `HTTP ${status}` : code;
}

function kindOf(name: string, code: string, message: string, status: number | undefined): FailureKind {
  if (name === "AbortError") return "aborted";
  // The SDK calls a connection that was cut a timeout too; but that says nothing about how much was asked for.
  if (code === "ECONNRESET" || code === "EPIPE") return "unavailable";
  if (name === "TimeoutError" || code === "ETIMEDOUT" || code === "RequestTimeout") return "timeout";
  if (THROTTLING.has(code) || status === 429) return "throttled";
  if (MISCONFIGURED.has(code) || message.startsWith("Region is missing")) return "misconfigured";
  if (status === 400 && /content-md5/i.test(message)) return "contentMd5";
  if (status === 301 || status === 307 || status === 401) return "misconfigured";
  if (status === 403) return "denied";
  if (status === 404) return "misconfigured";
  if (status === 405 || status === 501) return "unsupported";
  if (status !== undefined && status >= 400 && status < 500) return "rejected";
  return "unavailable";
}

const CODE_OF: Readonly<Record<FailureKind, ErrorCode>> = {
  aborted: "SCRUBBER_ABORTED",
  timeout: "SCRUBBER_STORE_UNAVAILABLE",
  throttled: "SCRUBBER_STORE_THROTTLED",
  unavailable: "SCRUBBER_STORE_UNAVAILABLE",
  misconfigured: "SCRUBBER_STORE_MISCONFIGURED",
  denied: "SCRUBBER_STORE_MISCONFIGURED",
  contentMd5: "SCRUBBER_STORE_MISCONFIGURED",
  rejected: "SCRUBBER_STORE_MISCONFIGURED",
  unsupported: "SCRUBBER_STORE_MISCONFIGURED",
};

/** The error that a store rejects with when nothing was answered. `where`: the bucket and server, for a person. */
export function outage(failure: Failure, where: string): ScrubberError {
  const said =
    failure.message === "" || failure.message === failure.code ? failure.code : `${failure.code}: ${failure.message}`;
  return new ScrubberError(CODE_OF[failure.kind], `${where}: ${said}`, { hint: hintFor(failure) });
}

function hintFor({ kind, code }: Failure): string {
  if (code === "NoSuchBucket")
    return "Create the bucket, or correct it where locations are made. Until it is there its entries wait.";
  if (/^(?:InvalidAccessKeyId|SignatureDoesNotMatch)$/.test(code))
    return "Correct accessKeyId and secretAccessKey of this store.";
  if (/Token/.test(code))
    return "The session token has run out or is wrong: renew it, or use credentials that renew themselves.";
  if (/TooSkewed|RequestExpired/.test(code))
    return "This machine's clock and the server's differ too much: set the clock.";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return "The server's certificate names other hosts: write the endpoint as the certificate has it, or have it reissued.";
  if (/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)$/.test(code))
    return "The server's certificate is out of its time: renew it, and compare the clocks of both machines.";
  if (/CERT|SIGNATURE/.test(code))
    return "Name the certificate authority that the server's certificate comes from in the option ca.";
  if (/^(?:CredentialsProviderError|Error)$/.test(code))
    return "Give accessKeyId and secretAccessKey, or set up credentials and region as for the AWS command line.";
  switch (kind) {
    case "timeout":
      return "The server is slow or hangs; it is tried again. The option timeout says how long an answer is waited for.";
    case "throttled":
      return "The server asks for patience; the pace is lowered by itself.";
    case "denied":
      return "Allow s3:DeleteObject (and s3:DeleteObjectVersion for versioned buckets) for these credentials.";
    case "misconfigured":
    case "rejected":
    case "unsupported":
    case "contentMd5":
      return "Look at endpoint, region and forcePathStyle of this store; scrubber check --probe shows what it finds.";
    case "aborted":
    case "unavailable":
      return "Nothing is lost: the entries wait and are tried again.";
  }
}
