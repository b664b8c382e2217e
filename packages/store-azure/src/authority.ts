import { createHmac, createSecretKey, type KeyObject } from "node:crypto";
import type { Account } from "./account.ts";

/** A request before it is signed. Header names in lower case, query values not encoded. */
export interface Unsigned {
  readonly method: "DELETE" | "GET" | "HEAD" | "POST" | "PUT";
  /** As it stands in the request line. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number;
}

/** Signs requests for a while: one batch. */
export interface Signer {
  /** What is added to the query; empty for most. */
  readonly query: string;
  /** The `Authorization` header; undefined for none. */
  authorization(request: Unsigned): string | undefined;
}

/** As `TokenCredential` of @azure/core-auth, as far as it is used here. */
export interface TokenSource {
  getToken(scopes: string, options?: { abortSignal?: AbortSignal }): Promise<{ readonly token: string } | null>;
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory */
const SCOPE = "https://storage.azure.com/.default";

/** What opens the account: a shared access signature, the account's key, or a token. */
export class Authority {
  readonly #sas: string | undefined;
  readonly #shared: Signer | undefined;
  readonly #tokens: TokenSource | undefined;

  constructor(account: Account, tokens: TokenSource | undefined) {
    this.#sas = account.sas;
    this.#tokens = tokens;
    if (account.key !== undefined && account.name !== undefined) {
      this.#shared = sharedKeySigner(account.name, createSecretKey(account.key, "base64"));
    }
  }

  async signer(signal: AbortSignal): Promise<Signer> {
    if (this.#sas !== undefined) return { query: this.#sas, authorization: () => undefined };
    if (this.#shared !== undefined) return this.#shared;
    // The credential keeps its token until shortly before it expires, so asking each time is cheap.
    const token = (await this.#tokens?.getToken(SCOPE, { abortSignal: signal }))?.token;
    const header = token === undefined ? undefined : `Bearer ${token}`;
    return { query: "", authorization: () => header };
  }
}

/** Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key */
function sharedKeySigner(account: string, key: KeyObject): Signer {
  return {
    query: "",
    authorization(request) {
      const signature = createHmac("sha256", key).update(stringToSign(account, request), "utf8").digest("base64");
      return `SharedKey ${account}:${signature}`;
    },
  };
}

const SIGNED_HEADERS = [
  "content-md5",
  "content-type",
  "date",
  "if-modified-since",
  "if-match",
  "if-none-match",
  "if-unmodified-since",
  "range",
] as const;

function stringToSign(account: string, { method, path, query, headers, length }: Unsigned): string {
  // Between method and length: content encoding and language, which no request here has.
  let text = `${method}\n\n\n${length === 0 ? "" : length}`;
  for (const name of SIGNED_HEADERS) text += `\n${headers[name] ?? ""}`;
  text += "\n";
  for (const name of Object.keys(headers).sort()) {
    if (name.startsWith("x-ms-")) text += `${name}:${headers[name]}\n`;
  }
  text += `/${account}${path}`;
  for (const name of Object.keys(query).sort()) text += `\n${name}:${query[name]}`;
  return text;
}
