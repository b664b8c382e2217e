import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * An S3 server that does nothing, at once: every deletion succeeds. What a run against it costs is the client's own cost. A program, so that its own cost is
 * another process's; it prints its port and ends with its standard input.
 *
 * With a number as its argument it accepts so many keys a second (and a second's worth at once) and answers `SlowDown` to requests beyond that.
 * `GET /counts` tells how many keys were accepted and throttled.
 */
const limit = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);
const counts = { accepted: 0, throttled: 0 };
let allowance = limit;
let filledAt = performance.now();

interface Answer {
  readonly status: number;
  readonly body: string;
}

function answerTo(method: string | undefined, url: string, body: string): Answer {
  if (url === "/counts") return { status: 200, body: JSON.stringify(counts) };
  if (method === "DELETE") return accept(1) ? { status: 204, body: "" } : SLOW_DOWN;
  if (method !== "POST" || !url.includes("?delete")) return { status: 200, body: "" };
  const keys = [...body.matchAll(/<Key>([^<]*)<\/Key>/g)];
  if (!accept(keys.length)) return SLOW_DOWN;
  let xml = '<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  for (const [, key] of keys) xml += `<Deleted><Key>${key}</Key></Deleted>`;
  return { status: 200, body: `${xml}</DeleteResult>` };
}

const SLOW_DOWN: Answer = {
  status: 503,
  body: '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};

/** A token bucket that holds one second's worth. */
function accept(keys: number): boolean {
  if (limit === Number.POSITIVE_INFINITY) return true;
  const now = performance.now();
  allowance = Math.min(limit, allowance + ((now - filledAt) / 1000) * limit);
  filledAt = now;
  const accepted = allowance >= keys;
  if (accepted) allowance -= keys;
  counts[accepted ? "accepted" : "throttled"] += keys;
  return accepted;
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { status, body } = answerTo(request.method, request.url ?? "", Buffer.concat(chunks).toString());
    response.writeHead(status, {
      "content-type": "application/xml",
      ...(status !== 204 && { "content-length": Buffer.byteLength(body) }),
    });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.stdin.resume().on("end", () => process.exit());
