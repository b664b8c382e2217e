/**
 * Images in OpenStack Glance's schema, on SQLite, MariaDB or PostgreSQL.
 *
 * @packageDocumentation
 */
import { closeSync, existsSync, openSync } from "node:fs";
import { dirname } from "node:path";
import {
  createCipher,
  defineRegistry,
  makeDirectory,
  ScrubberError,
  type Context,
  type Registry,
  type RegistryPlugin,
} from "@scrubber/core";
import * as v from "valibot";
import { Database } from "./database.ts";
import { createTables, isGlances } from "./glance-schema.ts";
import { SqlRegistry } from "./registry.ts";
import { explain, openSqlite, sqliteDriver } from "./sqlite.ts";
import { parseUrl, type Address } from "./url.ts";

/** What stands under `with`. */
export interface Options {
  /**
   * Where the database is: `sqlite:./registry.sqlite`, `mysql://USER:PASSWORD@HOST:PORT/glance`, `postgresql://...`, or SQLAlchemy's form of these as
   * Glance's configuration has it.
   */
  readonly url: string;
  /**
   * Keys for the locations in this database (Glance's `metadata_encryption_key`): the first seals, all open; 16, 24 or 32 bytes each. Default: those of
   * `encryption.keys`, if any. Whatever the keys, locations in the clear are read too.
   */
  readonly keys?: readonly string[] | undefined;
}

const optionsSchema = v.strictObject({
  url: v.pipe(
    v.string(),
    v.check(
      (url) => typeof parseUrl(url) !== "string",
      ({ input }) => {
        const problem = parseUrl(input);
        return typeof problem === "string" ? `The URL ${problem}.` : "";
      },
    ),
  ),
  keys: v.optional(
    v.pipe(
      v.array(
        v.pipe(
          v.string(),
          v.check((key) => [16, 24, 32].includes(Buffer.byteLength(key)), "A key is a text of 16, 24 or 32 bytes."),
        ),
      ),
      v.minLength(1, "Leave keys out, or name at least one."),
    ),
  ),
});

/** The registry plugin. */
const plugin: RegistryPlugin<Options, Options> = defineRegistry<Options, Options>({
  name: "sql",
  options: optionsSchema,

  async open(options, context): Promise<Registry> {
    const address = addressOf(options, context);
    const cipher = options.keys === undefined ? context.cipher : createCipher(options.keys);
    const now = (): Date => context.now();
    if (address.kind !== "sqlite") {
      // Loaded only here: a driver is 10 to 25 MB of memory.
      const driver =
        address.kind === "mysql"
          ? (await import("./mysql.ts")).mysqlDriver(address)
          : (await import("./postgres.ts")).postgresDriver(address);
      return new SqlRegistry(new Database(driver), { cipher, now, manage: false });
    }
    const { path } = address;
    if (!existsSync(path)) {
      throw new ScrubberError("SCRUBBER_REGISTRY_UNAVAILABLE", `the registry's database ${path} does not exist`, {
        hint: "Correct the registry's URL, or make a new registry there with scrubber init.",
      });
    }
    return orExplained(path, () => {
      const database = openSqlite(path);
      try {
        const manage = !isGlances(database);
        return new SqlRegistry(new Database(sqliteDriver(database, path, now)), { cipher, now, manage });
      } catch (error) {
        database.close();
        throw error;
      }
    });
  },

  async setUp(options, context): Promise<readonly string[]> {
    const address = addressOf(options, context);
    if (address.kind !== "sqlite") return [];
    const { path } = address;
    return orExplained(path, () => {
      makeDirectory(dirname(path), 0o700);
      // SQLite makes its other files with the rights of this one; locations may hold credentials.
      closeSync(openSync(path, "a", 0o600));
      const database = openSqlite(path);
      try {
        if (!createTables(database)) return [];
        database.exec("PRAGMA journal_mode = WAL");
        return [`registry database ${path}`];
      } finally {
        database.close();
      }
    });
  },
});

export default plugin;

function addressOf(options: Options, context: Context): Address {
  const address = parseUrl(options.url);
  if (typeof address === "string") throw new TypeError(`the URL ${address}`);
  const resolved = (path: string): string => context.resolvePath(path);
  if (address.kind === "sqlite") return { kind: "sqlite", path: resolved(address.path) };
  if (address.tls === undefined) return address;
  const { ca, cert, key, ...checks } = address.tls;
  return {
    ...address,
    tls: {
      ...(ca !== undefined && { ca: resolved(ca) }),
      ...(cert !== undefined && { cert: resolved(cert) }),
      ...(key !== undefined && { key: resolved(key) }),
      ...checks,
    },
  };
}

function orExplained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, reason, hint } = explain(error);
    throw new ScrubberError(code, `the registry's database ${path} cannot be opened: ${reason}`, {
      ...(hint !== undefined && { hint }),
    });
  }
}
