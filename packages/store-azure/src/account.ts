import { AnonymousCredential, BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { ScrubberError } from "@scrubber/core";
import { createSecretKey, type KeyObject } from "node:crypto";
import type { AzureOptions } from "./options.ts";

/** What the SDK takes to open an account: a shared key, a source of tokens, or nothing beside the URL. */
export type Credential = BlobServiceClient["credential"];

/** Where the blob service is, and what opens it. */
export interface Account {
  /** Undefined where only an endpoint is known. */
  readonly name: string | undefined;
  /** Scheme and host, without a path. */
  readonly origin: string;
  /** What stands before the container in every path: empty, or `/devstoreaccount1` for an emulator. */
  readonly basePath: string;
  readonly credential: Credential;
  /** The shared key, where `credential` is one: for the deletions in a batch, which the SDK does not sign. */
  readonly key: KeyObject | undefined;
  /** A shared access signature, without `?`; undefined where `credential` opens the account. */
  readonly sas: string | undefined;
}

/** The emulator's account and key are public. Source: https://learn.microsoft.com/azure/storage/common/storage-use-azurite */
const DEVELOPMENT =
  "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";

/**
 * Puts the options together.
 * @throws {ScrubberError} `SCRUBBER_PLUGIN_OPTIONS`: the connection string lacks something; `SCRUBBER_PLUGIN_DEPENDENCY_MISSING`: no credentials are configured, and @azure/identity is not installed.
 */
export async function accountOf(options: AzureOptions): Promise<Account> {
  const { account, accountKey, sas, connectionString, endpoint } = options;
  if (connectionString !== undefined) return fromConnectionString(connectionString);
  const base = baseOf(new URL(endpoint ?? `https://${account}.blob.core.windows.net`));
  const at = { name: account, ...base, key: undefined, sas: undefined };
  if (sas !== undefined) return { ...at, credential: new AnonymousCredential(), sas: sas.replace(/^\?/, "") };
  if (account === undefined || accountKey === undefined) return { ...at, credential: await defaultCredential() };
  return { ...at, credential: new StorageSharedKeyCredential(account, accountKey), key: keyOf(accountKey) };
}

function keyOf(base64: string): KeyObject {
  return createSecretKey(base64, "base64");
}

function baseOf(url: URL): Pick<Account, "origin" | "basePath"> {
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, "") };
}

function fromConnectionString(given: string): Account {
  const text = given.trim().replace(/;$/, "") === "UseDevelopmentStorage=true" ? DEVELOPMENT : given;
  let client: BlobServiceClient;
  try {
    client = BlobServiceClient.fromConnectionString(text);
  } catch (error) {
    // The SDK's word names the field; the text itself holds a secret, and stays out.
    const why = error instanceof Error && error.message.startsWith("Invalid ") ? error.message : "it cannot be read";
    throw new ScrubberError("SCRUBBER_PLUGIN_OPTIONS", `the connectionString is refused: ${why}`, {
      hint: "Copy it whole from the Azure portal: Storage account, Access keys, Connection string.",
    });
  }
  const url = new URL(client.url);
  const sas = url.search.slice(1);
  const key = /(?:^|;)\s*AccountKey=([^;]*)/.exec(text)?.[1];
  return {
    name: client.accountName === "" ? undefined : client.accountName,
    ...baseOf(url),
    credential: client.credential,
    key: key === undefined || sas !== "" ? undefined : keyOf(key),
    sas: sas === "" ? undefined : sas,
  };
}

/**
 * What containers are relative to (`Store.place`): the account, whose name is taken for all of the cloud, by whatever endpoint and credentials. Where no name is
 * given it is read from the endpoint: the host's first word, or the last part of an emulator's path. Behind a name of one's own it is that host.
 */
export function placeOf({ name, origin, basePath }: Pick<Account, "name" | "origin" | "basePath">): string {
  const host = new URL(origin).hostname.replace(/\.$/, "");
  const [, named] = /^([a-z0-9]{3,24})(?:-secondary)?\.(?:[^.]+\.)*blob\./.exec(host) ?? [];
  return `azure:${name ?? named ?? (basePath === "" ? host : basePath.slice(basePath.lastIndexOf("/") + 1))}`;
}

async function defaultCredential(): Promise<Credential> {
  try {
    const { DefaultAzureCredential } = await import("@azure/identity");
    return new DefaultAzureCredential();
  } catch (error) {
    throw new ScrubberError(
      "SCRUBBER_PLUGIN_DEPENDENCY_MISSING",
      "store-azure is configured without accountKey, sas and connectionString, and @azure/identity, which would find credentials, is not installed",
      { hint: "Run: npm install @azure/identity. Or configure one of the three.", cause: error },
    );
  }
}
