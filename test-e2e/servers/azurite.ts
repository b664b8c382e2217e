import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { freePort, startProcess } from "./database-server.ts";
import { answersHttp } from "./s3-server.ts";

/** Azure's blob service in memory, with the account that its documentation names. */
export interface Azurite extends AsyncDisposable {
  readonly endpoint: string;
  readonly account: string;
  readonly accountKey: string;
}

const ACCOUNT = "devstoreaccount1";
/** Published by Microsoft for local development; it opens nothing else. */
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

export async function startAzurite(): Promise<Azurite> {
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
  ];
  const server = startProcess(process.execPath, [program, ...flags], join(folder, "azurite.log"), { cwd: folder });
  const stop = async (): Promise<void> => {
    await server.stop("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await server.ready(() => answersHttp(`http://127.0.0.1:${port}/${ACCOUNT}`));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    endpoint: `http://127.0.0.1:${port}/${ACCOUNT}`,
    account: ACCOUNT,
    accountKey: ACCOUNT_KEY,
    [Symbol.asyncDispose]: stop,
  };
}
