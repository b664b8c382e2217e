import { isIP } from "node:net";

/** Where a registry's database is. */
export type Address =
  | { readonly kind: "sqlite"; readonly path: string }
  | ({ readonly kind: "mysql" | "postgres" } & ServerAddress);

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  /** A Unix socket instead of host and port: its path (MariaDB), or the folder it is in (PostgreSQL). */
  readonly socket?: string;
  readonly user?: string;
  readonly password?: string;
  readonly database: string;
  /** Left out: in the clear. */
  readonly tls?: {
    /** Files. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** False: encrypted, but to whoever answers. */
    readonly verify: boolean;
    /** Whether the certificate must also name the host. */
    readonly verifyHost: boolean;
  };
}

const SQLITE = /^sqlite(?:\+[a-z0-9_]+)?:(.*)$/s;
const SERVER =
  /^(mysql|mariadb|postgres|postgresql)(?:\+[a-z0-9_]+)?:\/\/(?:([^:/@]*)(?::([^@]*))?@)?(?:\[([^\]/?]+)\]|([^:/?]*))?(?::(\d*))?(?:\/([^?]*))?(?:\?(.*))?$/s;

/**
 * Reads a connection URL: plain ones, and SQLAlchemy's as they stand in Glance's configuration, driver name and all. Options of SQLAlchemy's drivers
 * that mean nothing here (`charset`, timeouts) are passed over.
 *
 * @returns The address, or what is wrong with the URL as a clause for an error; it never repeats the URL, which may hold a password.
 */
export function parseUrl(url: string): Address | string {
  const sqlite = SQLITE.exec(url)?.[1];
  if (sqlite !== undefined) {
    // sqlite:PATH, or SQLAlchemy's sqlite:///PATH, where an absolute path makes it four slashes or more.
    const path = sqlite.startsWith("//") ? sqlite.replace(/^\/\/\/?/, "").replace(/\?.*$/s, "") : sqlite;
    if (path === "" || path === ":memory:")
      return "names no file: write sqlite:./registry.sqlite, or sqlite:/path/to/it";
    return { kind: "sqlite", path: path.replace(/^\/+/, "/") };
  }
  const server = SERVER.exec(url);
  if (server === null) {
    return "is no connection URL: it starts with sqlite:, mysql://, mariadb://, postgres:// or postgresql://, such as mysql://USER:PASSWORD@HOST:PORT/glance";
  }
  const [, scheme = "", user, password, ipv6, host, port, name = "", query = ""] = server;
  const options = new URLSearchParams(query);
  const kind = scheme.startsWith("postgres") ? "postgres" : "mysql";
  const database = decode(name);
  if (database === "") return "names no database: it ends with /glance, or what the database is called";
  const socket = options.get("unix_socket") ?? (options.get("host")?.startsWith("/") ? options.get("host") : null);
  const address = (ipv6 ?? decode(host ?? "")) || (options.get("host") ?? "localhost");
  const tls = kind === "mysql" ? mysqlTls(options, address) : postgresTls(options);
  if (typeof tls === "string") return tls;
  return {
    kind,
    host: address,
    port: Number(port || options.get("port") || (kind === "mysql" ? 3306 : 5432)),
    database,
    ...(socket !== null && { socket }),
    ...(user !== undefined && { user: decode(user) }),
    ...(password !== undefined && { password: decode(password) }),
    ...(tls !== undefined && { tls }),
  };
}

/** What may be said of an address: without user and password. */
export function describe(address: Address): string {
  if (address.kind === "sqlite") return address.path;
  const { host, port, socket, database } = address;
  return `${database} at ${socket ?? `${host.includes(":") ? `[${host}]` : host}:${port}`}`;
}

/** PyMySQL's and mysqlclient's options. */
function mysqlTls(options: URLSearchParams, host: string): ServerAddress["tls"] | string {
  const ca = options.get("ssl_ca");
  const cert = options.get("ssl_cert");
  const key = options.get("ssl_key");
  if (ca === null && cert === null && key === null && !isTrue(options.get("ssl"))) return undefined;
  const verifyHost = isTrue(options.get("ssl_verify_identity")) || isTrue(options.get("ssl_check_hostname"));
  // Given an address, the driver would hold the certificate against the name localhost.
  if (verifyHost && isIP(host) !== 0)
    return "asks for a check of the host's identity and names the host by its address: write the name that its certificate has, or leave ssl_verify_identity out";
  return { ...files(ca, cert, key), verify: ca !== null, verifyHost };
}

/** libpq's options (https://www.postgresql.org/docs/current/libpq-ssl.html). */
function postgresTls(options: URLSearchParams): ServerAddress["tls"] | string {
  const mode = options.get("sslmode") ?? "disable";
  const ca = options.get("sslrootcert");
  const given = files(ca, options.get("sslcert"), options.get("sslkey"));
  switch (mode) {
    case "disable":
    case "allow":
    case "prefer":
      return undefined;
    case "require":
      return { ...given, verify: ca !== null, verifyHost: false };
    case "verify-ca":
      return { ...given, verify: true, verifyHost: false };
    case "verify-full":
      return { ...given, verify: true, verifyHost: true };
    default:
      return "has an sslmode that is none of disable, allow, prefer, require, verify-ca, verify-full";
  }
}

function files(
  ca: string | null,
  cert: string | null,
  key: string | null,
): { ca?: string; cert?: string; key?: string } {
  return { ...(ca !== null && { ca }), ...(cert !== null && { cert }), ...(key !== null && { key }) };
}

function isTrue(text: string | null): boolean {
  return text !== null && /^(1|true|yes|on)$/i.test(text);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
