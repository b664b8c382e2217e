import { ScrubberError } from "@scrubber/core";
import type { AzureOptions } from "./options.ts";

/** Where the blob service is, and what opens it. */
export interface Account {
  /** Undefined where only an endpoint is known. */
  readonly name: string | undefined;
  /** Scheme and host, without a path. */
  readonly origin: string;
  /** What stands before the container in every path: empty, or `/devstoreaccount1` for an emulator. */
  readonly basePath: string;
  readonly key: string | undefined;
  /** Without `?`. */
  readonly sas: string | undefined;
}

/** The emulator's account and key are public. Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite */
const DEVELOPMENT =
  "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";

/**
 * Puts the options together.
 * @throws {ScrubberError} `SCRUBBER_PLUGIN_OPTIONS`: the connection string lacks something.
 */
export function accountOf(options: AzureOptions): Account {
  if (options.connectionString !== undefined) return fromConnectionString(options.connectionString);
  const url = new URL(options.endpoint ?? `https://${options.account}.blob.core.windows.net`);
  return {
    name: options.account,
    ...placeOf(url),
    key: options.accountKey,
    sas: options.sas?.replace(/^\?/, ""),
  };
}

function placeOf(url: URL): Pick<Account, "origin" | "basePath"> {
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, "") };
}

function fromConnectionString(text: string): Account {
  const given = text.trim().replace(/;$/, "") === "UseDevelopmentStorage=true" ? DEVELOPMENT : text;
  const parts = new Map<string, string>();
  for (const part of given.split(";")) {
    const at = part.indexOf("=");
    if (at > 0) parts.set(part.slice(0, at).trim().toLowerCase(), part.slice(at + 1).trim());
  }
  const name = parts.get("accountname");
  const key = parts.get("accountkey");
  const sas = parts.get("sharedaccesssignature")?.replace(/^\?/, "");
  const scheme = parts.get("defaultendpointsprotocol") ?? "https";
  const suffix = parts.get("endpointsuffix") ?? "core.windows.net";
  const endpoint = parts.get("blobendpoint") ?? (name === undefined ? "" : `${scheme}://${name}.blob.${suffix}`);
  if (!URL.canParse(endpoint)) throw incomplete("AccountName or BlobEndpoint");
  if (sas === undefined && (key === undefined || name === undefined)) {
    throw incomplete("AccountName with AccountKey, or SharedAccessSignature");
  }
  return { name, ...placeOf(new URL(endpoint)), key, sas };
}

function incomplete(what: string): ScrubberError {
  return new ScrubberError("SCRUBBER_PLUGIN_OPTIONS", `the connectionString lacks ${what}`, {
    hint: "Copy it whole from the Azure portal: Storage account, Access keys, Connection string.",
  });
}
