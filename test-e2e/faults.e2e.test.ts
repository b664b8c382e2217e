import { CreateBucketCommand, DeleteObjectsCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { BlobServiceClient, StorageSharedKeyCredential } from "@azure/storage-blob";
import type { StorePlugin } from "@scrubber/core";
import { createMemoryQueue, memoryQueue } from "@scrubber/core/memory";
import { createScrubber, type RunSummary, type ScrubberEvent } from "@scrubber/engine";
import { default as azure } from "@scrubber/store-azure";
import { default as s3 } from "@scrubber/store-s3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAzurite, type Azurite } from "./servers/azurite.ts";
import {
  cutAfter,
  cutBefore,
  errorInside,
  neverAnswers,
  slowDown,
  startFaultProxy,
  tooFewParts,
  unavailable,
  type Fault,
  type FaultProxy,
  type ProxiedRequest,
} from "./servers/fault-proxy.ts";
import { startRgw, type Rgw } from "./servers/rgw.ts";
import { keysIn, otherClient } from "./servers/s3-server.ts";

const FEW = 600;
const MANY = 1500;
/** Azurite is slow, and a lane that was throttled at a slow rate makes its calls small: so these are small from the start. */
const MANY_BLOBS = 600;
/** Few enough that a server on a busy machine answers in time where nothing is done to it. */
const CONCURRENCY = 3;
const RUNS = 40;
const LONGEST_RETRY_MS = 3_600_000 * 1.2;

/** A place full of objects behind the proxy, and another client's hands on it. */
interface Place {
  readonly prefix: string;
  readonly store: { readonly use: StorePlugin; readonly with: object };
  readonly batch: number;
  readonly left: () => Promise<readonly string[]>;
}

describe("store-s3 on Ceph RGW: nothing is lost, and nothing is called deleted that is there", () => {
  let rgw: Rgw;
  let client: S3Client;
  let proxy: FaultProxy;
  let buckets = 0;

  beforeAll(async () => {
    rgw = await startRgw();
    client = otherClient(rgw);
    proxy = await startFaultProxy(rgw.endpoint);
  });
  afterAll(async () => {
    client?.destroy();
    await proxy?.[Symbol.asyncDispose]();
    await rgw?.[Symbol.asyncDispose]();
  });

  /** A third of the keys of a request are throttled; the others are really deleted. */
  const slowDownKeys: Fault = async ({ path, body }) => {
    const keys = [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = ""]) => key);
    const throttled = new Set(keys.filter((_, i) => i % 3 === 0));
    const Objects = keys.filter((key) => !throttled.has(key)).map((Key) => ({ Key }));
    const Bucket = path.split(/[/?]/)[1] ?? "";
    if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }));
    const answers = keys.map((key) =>
      throttled.has(key)
        ? `<Error><Key>${key}</Key><Code>SlowDown</Code></Error>`
        : `<Deleted><Key>${key}</Key></Deleted>`,
    );
    const answer = `<DeleteResult>${answers.join("")}</DeleteResult>`;
    return { status: 200, headers: { "content-type": "application/xml" }, body: Buffer.from(answer) };
  };
  const faults: Readonly<Record<string, Fault>> = {
    "single keys are throttled": slowDownKeys,
    "whole requests are throttled": slowDown,
    "whole requests get a 503": unavailable,
    "the connection is cut before the server acted": cutBefore,
    "the connection is cut after the server acted": cutAfter,
    "a 200 is an error inside": errorInside,
    "an answer never comes": neverAnswers,
  };

  async function fill(objects: number): Promise<Place> {
    const Bucket = `faulty-${++buckets}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    await inParallel(names(objects), (Key) => client.send(new PutObjectCommand({ Bucket, Key, Body: "x" })));
    const { accessKeyId, secretAccessKey } = rgw;
    return {
      prefix: `s3://${Bucket}/`,
      store: { use: s3, with: { endpoint: proxy.endpoint, accessKeyId, secretAccessKey, timeout: "8s" } },
      batch: 100,
      left: () => keysIn(client, Bucket),
    };
  }

  test.each(Object.entries(faults))("when %s, three times in ten", async (_, fault) => {
    await survives(proxy, await fill(FEW), FEW, [fault]);
  });

  test("when all of that happens, three times in ten, for at most three times the requests of a run without", async () => {
    const faultless = await survives(proxy, await fill(MANY), MANY, []);
    const faulty = await survives(proxy, await fill(MANY), MANY, Object.values(faults));
    expect(faulty.requests).toBeLessThanOrEqual(3 * faultless.requests + faulty.probes);
  });
});

describe("store-azure on Azurite: nothing is lost, and nothing is called deleted that is there", () => {
  let azurite: Azurite;
  let client: BlobServiceClient;
  let proxy: FaultProxy;
  let containers = 0;

  beforeAll(async () => {
    azurite = await startAzurite();
    client = new BlobServiceClient(
      azurite.endpoint,
      new StorageSharedKeyCredential(azurite.account, azurite.accountKey),
    );
    proxy = await startFaultProxy(azurite.endpoint);
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await azurite?.[Symbol.asyncDispose]();
  });

  const faults: Readonly<Record<string, Fault>> = {
    "whole requests get a 503": unavailable,
    "the connection is cut before the server acted": cutBefore,
    "the connection is cut after the server acted": cutAfter,
    "a batch answer lacks a part": tooFewParts,
    "an answer never comes": neverAnswers,
  };

  async function fill(blobs: number): Promise<Place> {
    const name = `faulty-${++containers}`;
    const container = client.getContainerClient(name);
    await container.create();
    await inParallel(names(blobs), (blob) => container.getBlockBlobClient(blob).upload("x", 1));
    const { account, accountKey } = azurite;
    return {
      prefix: `azure://${name}/`,
      store: { use: azure, with: { account, accountKey, endpoint: `${proxy.endpoint}/${account}`, timeout: "8s" } },
      batch: 10,
      async left() {
        const left: string[] = [];
        for await (const blob of container.listBlobsFlat()) left.push(blob.name);
        return left;
      },
    };
  }

  test.each(Object.entries(faults))("when %s, three times in ten", async (_, fault) => {
    await survives(proxy, await fill(FEW / 4), FEW / 4, [fault]);
  });

  test("when all of that happens, three times in ten, for at most three times the requests of a run without", async () => {
    const faultless = await survives(proxy, await fill(MANY_BLOBS), MANY_BLOBS, []);
    const faulty = await survives(proxy, await fill(MANY_BLOBS), MANY_BLOBS, Object.values(faults));
    expect(faulty.requests).toBeLessThanOrEqual(3 * faultless.requests + faulty.probes);
  });
});

/** Deletes all but one object through the proxy, which does one of the faults to three of ten deletions, until the queue is empty. */
async function survives(
  proxy: FaultProxy,
  { prefix, store, batch, left }: Place,
  objects: number,
  faults: readonly Fault[],
): Promise<{ readonly requests: number; readonly probes: number }> {
  // Retries wait for half a minute and more; the time of day is set forward for them instead.
  let skipped = 0;
  const now = (): Date => new Date(Date.now() + skipped);
  const queue = createMemoryQueue({ now });
  const events: ScrubberEvent[] = [];
  await using scrubber = await createScrubber(
    {
      queue: { use: memoryQueue, with: { instance: queue } },
      stores: [{ ...store, limits: { batch, concurrency: CONCURRENCY } }],
    },
    { now, onEvent: (event) => events.push(event) },
  );
  // What the clock of the server says of an object must not be later than the request.
  const requestedAt = new Date(Date.now() + 1000);
  await scrubber.add(
    names(objects)
      .filter((name) => name !== STAYS)
      .map((name) => ({ imageId: name, location: { uri: prefix + name }, requestedAt, dueAt: new Date(0) })),
  );
  const turn = threeInTen(faults);
  proxy.choose = (request) => (isDeletion(request) ? turn.next() : undefined);
  const before = proxy.requests;
  const sum = { gone: 0, setAside: 0 };
  try {
    for (let run = 0, waiting = objects; waiting > 0 && run < RUNS; run++, skipped += LONGEST_RETRY_MS) {
      const { deleted, absent, setAside }: RunSummary = await scrubber.runOnce();
      sum.gone += deleted + absent;
      sum.setAside += setAside;
      // What is not in the queue any more was called deleted.
      const queued = new Set([STAYS]);
      for await (const { location } of queue.entries()) queued.add(location?.uri.slice(prefix.length) ?? "");
      expect((await left()).filter((name) => !queued.has(name))).toEqual([]);
      waiting = queued.size - 1;
    }
  } finally {
    proxy.choose = () => undefined;
  }
  expect(turn.faulty > 0).toBe(faults.length > 0);
  expect(sum).toEqual({ gone: objects, setAside: 0 });
  expect(await queue.stats()).toMatchObject({ waiting: 0, leased: 0, setAside: 0 });
  expect(await left()).toEqual([STAYS]);
  return { requests: proxy.requests - before, probes: probesIn(events) };
}

/** What closed lanes may have cost: one probe for each second that they were closed. */
function probesIn(events: readonly ScrubberEvent[]): number {
  return events.reduce(
    (sum, event) => (event.type === "lane.closed" ? sum + Math.ceil(event.probeInMs / 1000) : sum),
    0,
  );
}

/** S3's DeleteObjects and DeleteObject, Azure's batch. */
function isDeletion({ method, path }: ProxiedRequest): boolean {
  return method === "DELETE" || (method === "POST" && /[?&](?:delete\b|comp=batch)/.test(path));
}

/** Three faults in ten, each kind in its turn: the same in every run. */
function threeInTen(faults: readonly Fault[]): { readonly faulty: number; next(): Fault | undefined } {
  let count = 0;
  let faulty = 0;
  return {
    get faulty() {
      return faulty;
    },
    next: () => ([2, 5, 8].includes(count++ % 10) && faults.length > 0 ? faults[faulty++ % faults.length] : undefined),
  };
}

const STAYS = "stays";

function names(objects: number): readonly string[] {
  return [STAYS, ...Array.from({ length: objects }, (_, i) => `object-${i}`)];
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}
