import { isRestError } from "@azure/storage-blob";
import { isScrubberError, ScrubberError } from "@scrubber/core";

/** The service did not do what a whole request asked for. */
export interface Refusal {
  readonly status: number;
  /** The service's own word for what went wrong; else the status. */
  readonly code: string;
}

/** The service's answer in an error of the SDK; undefined: there was none. */
export function answerIn(error: unknown): Refusal | undefined {
  if (!isRestError(error) || error.statusCode === undefined) return undefined;
  const { statusCode: status, response } = error;
  const said =
    response?.headers.get("x-ms-error-code") ?? /<Code>([^<]*)<\/Code>/.exec(response?.bodyAsText ?? "")?.[1];
  return { status, code: said ?? `HTTP ${status}` };
}

/** What a whole request that failed means. */
export function failureOf(what: string, { status, code }: Refusal): ScrubberError {
  const said = `${what}: the service answered ${status} (${code})`;
  if (status === 429 || code === "ServerBusy" || status === 503) {
    return new ScrubberError("SCRUBBER_STORE_THROTTLED", said, {
      hint: "It asks for patience; nothing is to be done.",
    });
  }
  if (status < 400) {
    return new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", `${said}, which is no answer of the blob service`, {
      hint: "Something else seems to answer at the endpoint: a proxy, or a page that wants a login.",
    });
  }
  if (status >= 500) {
    return new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", said, {
      hint: "Look at the service's own status; nothing was lost.",
    });
  }
  if (
    code === "ContainerNotFound" ||
    code === "HTTP 404" ||
    code === "ContainerBeingDeleted" ||
    code === "ContainerDisabled"
  ) {
    return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", said, {
      hint: "Make the container, or correct the locations: blobs in a container that is missing are not called gone.",
    });
  }
  if (status === 401 || status === 403 || status === 404 || code === "AuthenticationFailed") {
    return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", said, { hint: hintFor(code) });
  }
  return new ScrubberError("SCRUBBER_BATCH_REJECTED", said);
}

function hintFor(code: string): string {
  if (code === "AuthenticationFailed")
    return "Check account and key, or the SAS and when it expires, and this machine's clock.";
  if (code === "AuthorizationPermissionMismatch" || code === "AuthorizationFailure") {
    return "The credentials need permission to delete: the role Storage Blob Data Contributor, or `d` (and `x` for versions) in the SAS.";
  }
  return "Check account, endpoint, credentials and the account's network rules.";
}

const CERTIFICATE: ReadonlySet<string> = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** What it means that no answer came. */
export function noAnswer(what: string, error: unknown): ScrubberError {
  if (isScrubberError(error)) return error;
  const code = errorWord(error);
  if (error instanceof Error && /Credential|Authentication/.test(error.name)) {
    return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `${what}: no credentials were found (${error.name})`, {
      hint: "Configure accountKey, sas or connectionString, or sign in so that DefaultAzureCredential finds an identity.",
    });
  }
  if (CERTIFICATE.has(code)) {
    return new ScrubberError("SCRUBBER_STORE_MISCONFIGURED", `${what}: the certificate is not trusted (${code})`, {
      hint: "Where its authority is your own: name it in the option ca. Else check the endpoint's name and this machine's clock.",
    });
  }
  return new ScrubberError("SCRUBBER_STORE_UNAVAILABLE", `${what}: no answer (${code})`, {
    hint: "Check the endpoint, and the network on the way to it.",
  });
}

function errorWord(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = "code" in at && typeof at.code === "string" ? at.code : undefined;
    if (code !== undefined) return code;
  }
  // The SDK's readers fail so on what they do not expect.
  return error instanceof TypeError ? "or none that can be read" : "connection failed";
}
