import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import type { Store, Target } from "@scrubber/core";
import plugin from "@scrubber/store-azure";
import { MEMORY_MODULE } from "./measure/memory.ts";

const BATCH = 256;
const ROUNDS = 7;
const BLOBS_A_ROUND = 40 * BATCH;
/** One by one costs so much more that a few tell. */
const SINGLES_A_ROUND = 1000;
const BLOBS_FOR_MEMORY = 100_000;
const MEMORY_RUNS = 5;
const ACCOUNT = "images";
const KEY = Buffer.from("a key for the null server").toString("base64");

/**
 * What a blob costs the client: the store, against the SDK's batches and its deletion one by one, in turns. The server is another process and answers at once.
 */
export async function bench(): Promise<void> {
  await using server = await startNullServer();
  const container = new BlobServiceClient(
    server.endpoint,
    new StorageSharedKeyCredential(ACCOUNT, KEY),
  ).getContainerClient("bench");
  const sdkBatches = container.getBlobBatchClient();
  await using store = await openStore(server.endpoint);
  const { signal } = new AbortController();
  const arms: Readonly<Record<string, () => Promise<number>>> = {
    "SDK one by one": async () => {
      for (const names of batches(SINGLES_A_ROUND))
        for (const name of names) await container.getBlobClient(name).delete({ deleteSnapshots: "include" });
      return SINGLES_A_ROUND;
    },
    "SDK batches": async () => {
      for (const names of batches(SINGLES_A_ROUND)) {
        await sdkBatches.deleteBlobs(
          names.map((name) => container.getBlobClient(name)),
          { deleteSnapshots: "include" },
        );
      }
      return SINGLES_A_ROUND;
    },
    "store-azure": async () => {
      for (const names of batches(BLOBS_A_ROUND)) await deleteThrough(store, names, signal);
      return BLOBS_A_ROUND;
    },
  };
  const cost: Record<string, number[]> = {};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, arm] of Object.entries(arms)) {
      const before = process.cpuUsage();
      const blobs = await arm();
      const { user, system } = process.cpuUsage(before);
      // The first round warms up.
      if (round > 0) (cost[name] ??= []).push((user + system) / blobs);
    }
  }
  const single = cost["SDK one by one"] ?? [];
  console.log("client CPU for a blob, instant server, median of %d paired rounds", ROUNDS - 1);
  console.table(
    Object.fromEntries(
      Object.entries(cost).map(([name, costs]) => [
        name,
        {
          "µs a blob": rounded(median(costs), 10),
          "of one by one": rounded(median(costs.map((c, i) => c / (single[i] ?? Number.NaN))), 1000),
        },
      ]),
    ),
  );
  console.log("reach: store-azure <= 0.3 of one by one");
  const peaks: number[] = [];
  for (let run = 0; run < MEMORY_RUNS; run++) peaks.push(await peakMemory(server.endpoint));
  console.log(
    "peak memory of a process that deletes %d blobs, the built packages, with the application's memory setting: median of %d runs %d MiB (%s; reach: <= 150)",
    BLOBS_FOR_MEMORY,
    MEMORY_RUNS,
    median(peaks),
    peaks.toSorted((a, b) => a - b).join(", "),
  );
}

async function openStore(endpoint: string): Promise<Store> {
  const silent = (): void => {};
  const log = { debug: silent, info: silent, warn: silent, error: silent };
  const options = await plugin.options["~standard"].validate({ account: ACCOUNT, accountKey: KEY, endpoint });
  if (options.issues !== undefined) throw new Error("the options are refused");
  return plugin.open(options.value, {
    id: "azure",
    log,
    now: () => new Date(),
    resolvePath: (path) => path,
    cipher: undefined,
  });
}

async function deleteThrough(store: Store, names: readonly string[], signal: AbortSignal): Promise<void> {
  const requestedAt = new Date();
  const targets = names
    .map((name) => store.target({ location: { uri: `azure://bench/${name}` }, requestedAt }))
    .filter((target): target is Target => target !== undefined);
  const outcomes = await store.delete(targets, { signal });
  if (outcomes.length !== names.length || !outcomes.every(({ kind }) => kind === "deleted"))
    throw new Error("not every blob was deleted");
}

function* batches(count: number): Generator<readonly string[]> {
  for (let at = 0; at < count; at += BATCH)
    yield Array.from(
      { length: Math.min(BATCH, count - at) },
      (_, i) => `images/4f6c0d3e-8f52-4d0a-9d0e-${String(at + i).padStart(12, "0")}`,
    );
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function rounded(value: number, by: number): number {
  return Math.round(value * by) / by;
}

async function startNullServer(): Promise<AsyncDisposable & { readonly endpoint: string }> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return {
    endpoint: `http://127.0.0.1:${port.toString().trim()}`,
    async [Symbol.asyncDispose]() {
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
  };
}

/** As a user has it: JavaScript and the built packages. Node's reading of TypeScript alone takes 13 MiB. */
const MEMORY_PROGRAM = `
const [endpoint] = process.argv.slice(1);
const { loadFrugally } = await import("${MEMORY_MODULE}");
const { default: plugin } = await loadFrugally(() => import("@scrubber/store-azure"));
const { value } = await plugin.options["~standard"].validate({ account: "${ACCOUNT}", accountKey: "${KEY}", endpoint });
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const now = () => new Date();
const store = await plugin.open(value, { id: "azure", log, now, resolvePath: String, cipher: undefined });
const { signal } = new AbortController();
let next = 0;
const call = async () => {
  while (next < ${BLOBS_FOR_MEMORY}) {
    const targets = [];
    for (; targets.length < ${BATCH} && next < ${BLOBS_FOR_MEMORY}; next++) {
      const uri = "azure://bench/images/4f6c0d3e-8f52-4d0a-9d0e-" + String(next).padStart(12, "0");
      targets.push(store.target({ location: { uri }, requestedAt: new Date() }));
    }
    const outcomes = await store.delete(targets, { signal });
    if (!outcomes.every(({ kind }) => kind === "deleted")) throw new Error("not every blob was deleted");
  }
};
await Promise.all(Array.from({ length: store.limits.concurrency }, call));
console.log(process.resourceUsage().maxRSS);
await store[Symbol.asyncDispose]();
`;

/** Deletes many blobs in a process of its own, as many calls at a time as the store allows, and asks it for its memory in MiB. */
async function peakMemory(endpoint: string): Promise<number> {
  const args = ["--input-type=module", "-e", MEMORY_PROGRAM, endpoint];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  return Math.round(Number(stdout) / 1024);
}

/** Answers every request at once: 202 to each deletion. */
function serve(): void {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const head = { "x-ms-request-id": "0", "x-ms-version": "2021-12-02" };
      if (request.url?.includes("comp=batch") !== true) {
        if (request.url?.includes("comp=list") === true) response.writeHead(200, { "content-type": "application/xml" });
        else response.writeHead(request.method === "DELETE" ? 202 : 200, { ...head, "content-length": 0 });
        response.end(request.method === "GET" ? "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>" : "");
        return;
      }
      const count = Buffer.concat(chunks).toString("latin1").split("Content-ID:").length - 1;
      const said = "HTTP/1.1 202 Accepted\r\nx-ms-delete-type-permanent: true\r\nx-ms-request-id: 0\r\nx-ms-version: 1";
      const parts = Array.from(
        { length: count },
        (_, i) => `--b\r\nContent-Type: application/http\r\nContent-ID: ${i}\r\n\r\n${said}\r\n\r\n`,
      );
      response
        .writeHead(202, { ...head, "content-type": "multipart/mixed; boundary=b" })
        .end(`${parts.join("")}--b--\r\n`);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  process.stdin.on("end", () => process.exit()).resume();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  serve();
}
