import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { randomUUID } from "node:crypto";

export const ACCOUNT = "devstoreaccount1";
/** The emulator's own, public key. */
export const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

export interface Azurite extends AsyncDisposable {
  readonly endpoint: string;
  /** Another client than the store. */
  readonly client: BlobServiceClient;
  /** Stops the server's process, so that nothing answers, until the returned function is called. */
  suspend(): () => void;
}

/** Starts Azurite in memory, on a port that the system chooses. */
export async function startAzurite(): Promise<Azurite> {
  const entry = createRequire(import.meta.url).resolve("azurite/dist/src/blob/main.js");
  const server = spawn(
    process.execPath,
    [entry, "--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"].concat([
      "--skipApiVersionCheck",
      "--disableTelemetry",
      "--disableProductStyleUrl",
    ]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const kill = (): boolean => server.kill("SIGKILL");
  process.once("exit", kill);
  const endpoint = await new Promise<string>((resolve, reject) => {
    let said = "";
    server.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const url = /listens on (http:\/\/[\d.:]+)/.exec(said)?.[1];
      if (url !== undefined) resolve(`${url}/${ACCOUNT}`);
    });
    server.once("exit", () => reject(new Error(`Azurite did not start: ${said}`)));
  });
  const client = new BlobServiceClient(endpoint, new StorageSharedKeyCredential(ACCOUNT, KEY), {
    retryOptions: { maxTries: 4, retryDelayInMs: 100 },
  });
  return {
    endpoint,
    client,
    suspend() {
      server.kill("SIGSTOP");
      return () => void server.kill("SIGCONT");
    },
    async [Symbol.asyncDispose]() {
      process.off("exit", kill);
      const ended = once(server, "exit");
      kill();
      await ended;
    },
  };
}

export function freshContainerName(): string {
  return `c${randomUUID()}`;
}
