import { randomUUID } from "node:crypto";
import { ListBucketsCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Finding } from "@scrubber/core";
import { isRequestFailure, type Server } from "./client.ts";
import { outage, type Failure } from "./failure.ts";
import type { S3Options } from "./options.ts";
import type { Tools } from "./call.ts";

/** Looks whether deletion would work in the configured buckets, or whether the server answers at all where none are configured. */
export async function probe(
  { server, deleter, buckets }: Tools,
  options: S3Options,
  signal: AbortSignal,
  write: boolean,
): Promise<readonly Finding[]> {
  const connection = server.connection(undefined);
  const findings: Finding[] = [];
  const attempt = async (where: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (!isRequestFailure(error)) throw error;
      findings.push(problem(error.failure, where));
    }
  };
  if (options.buckets === undefined) {
    await attempt(server.name, async () => {
      findings.push(await findServer(server, signal, write));
    });
    return findings;
  }
  for (const bucket of options.buckets) {
    const where = `bucket ${bucket} at ${server.name}`;
    await attempt(where, async () => {
      await buckets.prove(bucket, connection, signal);
      findings.push({ level: "ok", message: `${where} is there and the credentials are good` });
      if ((await buckets.versioning(bucket, connection, signal)) === "on") findings.push(versioned(where, options));
      if (write) findings.push(await proveDeletion(bucket, where));
    });
  }
  return findings;

  async function proveDeletion(bucket: string, where: string): Promise<Finding> {
    const name = `.scrubber-probe-${randomUUID()}`;
    const { VersionId } = await server.request(connection, signal, (client, send) =>
      client.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: name,
          Body: "Made by scrubber check --probe=write. May be deleted.",
        }),
        send,
      ),
    );
    const [answer] = await deleter.delete({ connection, bucket, refs: [{ name, versionId: VersionId }], signal });
    if (answer?.kind === "unanswered") return problem(answer.failure, where);
    if (answer?.kind === "refused") {
      return {
        level: "problem",
        message: `${where}: ${name} was made and could not be deleted: ${answer.code}`,
        hint: "Allow s3:DeleteObject and s3:DeleteObjectVersion for these credentials, then delete that object.",
      };
    }
    const { Contents: left = [] } = await server.request(connection, signal, (client, send) =>
      client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: name, MaxKeys: 1 }), send),
    );
    if (answer?.kind !== "deleted" || left.length > 0)
      return {
        level: "problem",
        message: `${where}: the server did not delete ${name}`,
        hint: "Delete that object by hand, and look at the server.",
      };
    return { level: "ok", message: `${where}: an object of its own was made, deleted and is gone` };
  }
}

async function findServer(server: Server, signal: AbortSignal, write: boolean): Promise<Finding> {
  try {
    await server.request(server.connection(undefined), signal, (client, options) =>
      client.send(new ListBucketsCommand({}), options),
    );
  } catch (error) {
    // Being denied the list of buckets proves that the server knows who asks.
    if (!isRequestFailure(error) || error.failure.kind !== "denied") throw error;
  }
  const answers = `${server.name} answers and the credentials are good`;
  if (!write) return { level: "ok", message: answers };
  return {
    level: "warning",
    message: `${answers}; whether deletion works cannot be proven without a bucket to try it in`,
    hint: "Name the buckets of this store in its option buckets: they are probed then, and no others are touched.",
  };
}

function versioned(where: string, { versions }: Pick<S3Options, "versions">): Finding {
  return versions === "all"
    ? { level: "ok", message: `${where} keeps versions; all that were there when a deletion was requested are deleted` }
    : {
        level: "warning",
        message: `${where} keeps versions; deletion leaves markers and frees nothing`,
        hint: "Leave out versions: current, to free the data.",
      };
}

function problem(failure: Failure, where: string): Finding {
  const { message, hint } = outage(failure, where);
  return { level: "problem", message, ...(hint !== undefined && { hint }) };
}
