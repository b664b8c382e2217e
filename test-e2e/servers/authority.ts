import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { once } from "node:events";
import { run } from "./s3-server.ts";

/** Paths of a certificate and of its key, in PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority of a test's own, that no system trusts. Disposing of it removes its files. */
export interface Authority extends AsyncDisposable {
  /** The path of its own certificate. */
  readonly ca: string;
  /** Issues a certificate for these names, as OpenSSL's subjectAltName has them (`IP:127.0.0.1`, `DNS:localhost`). */
  issue(names: readonly string[]): Promise<Certificate>;
}

/** Makes one (Debian: openssl). */
export async function createAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), "authority-"));
  const ca = join(folder, "ca.pem");
  const caKey = join(folder, "ca.key");
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=of a test"];
  const days = ["-days", "2"];
  await run("openssl", ["req", "-x509", ...made, ...subject, ...days, "-keyout", caKey, "-out", ca]);
  let issued = 0;
  return {
    ca,
    async issue(names) {
      const path = join(folder, `leaf-${++issued}`);
      const [cert, key, request, extensions] = [`${path}.pem`, `${path}.key`, `${path}.csr`, `${path}.ext`];
      await writeFile(extensions, `subjectAltName = ${names.join(", ")}\n`);
      await run("openssl", ["req", ...made, ...subject, "-keyout", key, "-out", request]);
      const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", ...days];
      await run("openssl", ["x509", "-req", "-in", request, ...signing, "-extfile", extensions, "-out", cert]);
      return { cert, key };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Speaks TLS on a port of its own, and passes on what it hears to a server that does not. */
export async function startTlsFront(
  target: string,
  certificate: Certificate,
): Promise<AsyncDisposable & { readonly port: number }> {
  const inner = Number(new URL(target).port);
  const sockets = new Set<TLSSocket>();
  const front = createServer(
    { cert: await readFile(certificate.cert), key: await readFile(certificate.key) },
    (socket) => {
      sockets.add(socket);
      const onward = connect(inner, "127.0.0.1");
      socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
      onward.on("error", () => socket.destroy()).on("close", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
      socket.pipe(onward).pipe(socket);
    },
  );
  front.listen(0, "127.0.0.1");
  await once(front, "listening");
  return {
    port: (front.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      front.close();
      await once(front, "close");
    },
  };
}
