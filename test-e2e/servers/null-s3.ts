import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";

/**
 * An S3 server that does nothing, at once: every deletion succeeds. What a run against it costs is the client's own cost.
 * Run as a program, so that its cost is another process's; it prints its port and ends with its standard input.
 */
function answerTo(
  method: string | undefined,
  url: string,
  body: string,
): { readonly status: number; readonly xml: string } {
  if (method === "DELETE") return { status: 204, xml: "" };
  if (method !== "POST" || !url.includes("?delete")) return { status: 200, xml: "" };
  let xml = '<?xml version="1.0" encoding="UTF-8"?><DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">';
  for (const [, key] of body.matchAll(/<Key>([^<]*)<\/Key>/g)) xml += `<Deleted><Key>${key}</Key></Deleted>`;
  return { status: 200, xml: `${xml}</DeleteResult>` };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { status, xml } = answerTo(request.method, request.url ?? "", Buffer.concat(chunks).toString());
      response.writeHead(status, {
        "content-type": "application/xml",
        ...(status !== 204 && { "content-length": Buffer.byteLength(xml) }),
      });
      response.end(xml);
    });
  });
  server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
  process.stdin.resume().on("end", () => process.exit());
}
