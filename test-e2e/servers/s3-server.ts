import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { paginateListObjectsV2, S3Client } from "@aws-sdk/client-s3";
import type { Location, Store, Target } from "@scrubber/core";
import { default as plugin, type S3OptionsInput } from "@scrubber/store-s3";

/** A server that speaks S3, of one test's own, on loopback, with its files in a fresh folder. Disposing of it stops it and removes them. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const exec = promisify(execFile);
const SETUP_MS = 120_000;

/** Runs a command to its end and returns what it printed; rejects with its error output. */
export async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const { stdout } = await exec(command, args, { timeout: SETUP_MS, env: { ...process.env, ...env } });
    return stdout;
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    throw new Error(`${command} ${args.join(" ")} failed: ${stderr.slice(-2000) || message}`, { cause: error });
  }
}

/** Resolves once something answers HTTP there, whatever it says. */
export async function answersHttp(url: string): Promise<void> {
  await (await fetch(url, { signal: AbortSignal.timeout(5000) })).arrayBuffer();
}

/** Another client than the store under test: it makes objects and looks at what is left. */
export function otherClient({
  endpoint,
  accessKeyId,
  secretAccessKey,
}: Omit<S3Server, keyof AsyncDisposable>): S3Client {
  return new S3Client({
    endpoint,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
}

/** A store on that server, with these options beside its address and credentials. */
export async function openS3Store(
  server: Omit<S3Server, keyof AsyncDisposable>,
  options: S3OptionsInput = {},
): Promise<Store> {
  const { endpoint, accessKeyId, secretAccessKey } = server;
  const checked = await plugin.options["~standard"].validate({ endpoint, accessKeyId, secretAccessKey, ...options });
  if (checked.issues !== undefined) throw new Error(checked.issues.map(({ message }) => message).join("; "));
  const silent = (): void => {};
  return plugin.open(checked.value, {
    id: "s3",
    log: { debug: silent, info: silent, warn: silent, error: silent },
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  });
}

/** The objects of a bucket as another client lists them, in order of their keys. */
export async function keysIn(client: S3Client, bucket: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, EncodingType: "url" })) {
    for (const { Key = "" } of page.Contents ?? []) keys.push(decodeURIComponent(Key.replaceAll("+", "%20")));
  }
  return keys.toSorted();
}

/** What the store makes of a location; a test's own location is never somebody else's. */
export function targetOf(store: Store, location: Location, requestedAt: Date): Target {
  const target = store.target({ location, requestedAt });
  if (target === undefined) throw new Error(`the store does not take ${location.uri}`);
  return target;
}
