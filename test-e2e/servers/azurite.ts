import { readFile, mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:https";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  BlobServiceClient,
  BlockBlobClient,
  newPipeline,
  type Pipeline,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import type { Certificate } from "./authority.ts";
import { freePort, startProcess } from "./database-server.ts";

/** Azure's blob service in memory, with the account that its documentation names. */
export interface Azurite extends AsyncDisposable {
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
  /** Another client than the store. */
  readonly client: BlobServiceClient;
  /** Its hands on just this blob: of a name the SDK makes a URL whose dots are resolved. */
  blob(container: string, name: string): BlockBlobClient;
}

const ACCOUNT = "devstoreaccount1";
/** Published by Microsoft for local development; it opens nothing else. */
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/** With a certificate it speaks HTTPS, and takes tokens, too: their lifetime, issuer and audience count, not their signature. */
export async function startAzurite(tls?: Certificate & { readonly ca: string }): Promise<Azurite> {
  const folder = await mkdtemp(join(tmpdir(), "scrubber-azurite-"));
  const port = await freePort();
  const program = join(
    dirname(createRequire(import.meta.url).resolve("azurite/package.json")),
    "dist/src/blob/main.js",
  );
  const flags = [
    "--blobHost",
    "127.0.0.1",
    "--blobPort",
    String(port),
    "--inMemoryPersistence",
    "--skipApiVersionCheck",
    "--disableTelemetry",
    "--silent",
    ...(tls === undefined ? [] : ["--cert", tls.cert, "--key", tls.key, "--oauth", "basic"]),
  ];
  const endpoint = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}/${ACCOUNT}`;
  const agent = tls === undefined ? undefined : new Agent({ keepAlive: true, ca: await readFile(tls.ca) });
  const pipeline = pipelineOver(agent);
  const client = new BlobServiceClient(endpoint, pipeline);
  const server = startProcess(process.execPath, [program, ...flags], join(folder, "azurite.log"), {
    cwd: folder,
  });
  const stop = async (): Promise<void> => {
    agent?.destroy();
    await server.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await server.ready(async () => void (await client.getProperties({ abortSignal: AbortSignal.timeout(5000) })));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint,
    account: ACCOUNT,
    accountKey: ACCOUNT_KEY,
    client,
    blob: (container, name) => new BlockBlobClient(`${endpoint}/${container}/${encodeURIComponent(name)}`, pipeline),
    [Symbol.asyncDispose]: stop,
  };
}

function pipelineOver(agent: Agent | undefined): Pipeline {
  const pipeline = newPipeline(new StorageSharedKeyCredential(ACCOUNT, ACCOUNT_KEY), {
    retryOptions: { maxTries: 4, retryDelayInMs: 100 },
  });
  if (agent !== undefined) {
    pipeline.factories.push({
      create: (next) => ({
        sendRequest(request) {
          request.agent = agent;
          return next.sendRequest(request);
        },
      }),
    });
  }
  return pipeline;
}
