import { hash } from "node:crypto";
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
      this.#shared = sharedKeySigner(account.name, hmacSha256(Buffer.from(account.key, "base64")));
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
function sharedKeySigner(account: string, hmac: (text: string) => string): Signer {
  return {
    query: "",
    authorization: (request) => `SharedKey ${account}:${hmac(stringToSign(account, request))}`,
  };
}

const BLOCK = 64;

/**
 * HMAC-SHA256 (RFC 2104) in base64, of two one-shot hashes: Node's own makes a native object for each signature, which for a batch of 256 costs more than
 * the hashing.
 */
export function hmacSha256(key: Buffer): (text: string) => string {
  const short = key.length > BLOCK ? hash("sha256", key, "buffer") : key;
  const pad = (byte: number): Buffer => Buffer.alloc(BLOCK, byte).map((each, i) => each ^ (short[i] ?? 0)) as Buffer;
  const outer = Buffer.concat([pad(0x5c), Buffer.alloc(32)]);
  let inner = Buffer.concat([pad(0x36), Buffer.alloc(1024)]);
  return (text) => {
    const most = BLOCK + text.length * 3;
    if (inner.length < most) inner = Buffer.concat([inner, Buffer.alloc(most)]);
    const end = BLOCK + inner.write(text, BLOCK);
    hash("sha256", inner.subarray(0, end), "buffer").copy(outer, BLOCK);
    return hash("sha256", outer, "base64");
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
