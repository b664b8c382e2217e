import { readFileSync } from "node:fs";
import { ScrubberError } from "@scrubber/core";
import type { ServerAddress } from "./url.ts";

/** What both drivers take; whether the certificate must name the host, each is told in its own way. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly rejectUnauthorized: boolean;
}

/**
 * Reads the files that a URL names.
 * @throws {ScrubberError} `SCRUBBER_REGISTRY_UNAVAILABLE` where one cannot be read.
 */
export function readTls({ ca, cert, key, verify }: NonNullable<ServerAddress["tls"]>): TlsOptions {
  return {
    ...(ca !== undefined && { ca: read(ca, "certificate authority") }),
    ...(cert !== undefined && { cert: read(cert, "client certificate") }),
    ...(key !== undefined && { key: read(key, "client key") }),
    rejectUnauthorized: verify,
  };
}

function read(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ScrubberError("SCRUBBER_REGISTRY_UNAVAILABLE", `the registry's ${what} ${path} cannot be read`, {
      hint: "Correct the path in registry.with.url (ssl_ca, ssl_cert, ssl_key; for PostgreSQL sslrootcert, sslcert, sslkey), or who may read the file.",
      cause,
    });
  }
}

/** What to do about a connection that failed for want of trust, by what OpenSSL or Node says of it; undefined: it failed otherwise. */
export function tlsHint(message: string): string | undefined {
  if (/altnames|does not match certificate/i.test(message))
    return "The server's certificate names other hosts: write the host in the URL as the certificate has it, or have it reissued.";
  if (/certificate (has expired|is not yet valid)/i.test(message))
    return "The server's certificate is out of its time: renew it, and compare the clocks of both hosts.";
  if (/certificate/i.test(message))
    return "Name the certificate authority that the server's certificate comes from in the URL: ssl_ca, for PostgreSQL sslrootcert.";
  if (/not support (SSL|secure) connection/i.test(message))
    return "The server speaks no TLS: set it up there, or leave the TLS options out of the URL; then passwords and locations go in the clear.";
  return undefined;
}
