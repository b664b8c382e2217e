import { ScrubberError } from "@scrubber/core";
import { join } from "node:path";
import type { OsloConfig } from "./oslo-config.ts";
import { isUnserved } from "./unserved-store.ts";

/** A plugin by its package's name, as scrubber.yaml names it. */
interface NamedUse {
  readonly use: string;
  readonly with: Readonly<Record<string, unknown>>;
}

/** What a Glance deployment's files say, as the scrubber's own configuration. `scrubber import-glance` writes it; `glance-scrubber` runs on it. */
export interface GlanceSettings {
  readonly config: {
    readonly queue: NamedUse;
    readonly registry: NamedUse;
    readonly sweep: { readonly every: "0s" };
    readonly stores: readonly (NamedUse & { readonly id: string })[];
    readonly scrub: { readonly delay: string; readonly wakeup: string };
    readonly encryption?: { readonly keys: readonly string[] };
  };
  readonly daemon: boolean;
  readonly debug: boolean;
  /** Where logs go besides stderr. */
  readonly logFile: string | undefined;
  /** Values of the files that are not used as they stand, and what a daemon uses instead. For people. */
  readonly replaced: readonly string[];
  /** What stands in the files and cannot be served: its locations are set aside with a reason. For people. */
  readonly unserved: readonly string[];
}

/** Glance allows 0 too, and its scrubber then lists the database again and again with all of a processor, in many runs at once. */
const SHORTEST_WAKEUP_S = 1;

/** The driver names that Glance also knows the stores by. */
const TYPE_OF: Readonly<Record<string, string>> = { filesystem: "file", file: "file", s3: "s3" };

/**
 * Reads what concerns the scrubber from a Glance deployment's configuration; everything else there is ignored, as Glance's own scrubber does.
 *
 * @throws {ScrubberError} `SCRUBBER_CONFIG_INVALID`: no database is named, or a value is malformed.
 */
export function glanceSettings(oslo: OsloConfig): GlanceSettings {
  const url = oslo.get("database", "connection") ?? oslo.get("DEFAULT", "sql_connection");
  if (url === undefined || url === "") {
    throw new ScrubberError("SCRUBBER_CONFIG_INVALID", "no database is configured: [database] connection is missing", {
      hint: "Give the files that glance-api uses: --config-file /etc/glance/glance-api.conf.",
    });
  }
  const key = oslo.get("DEFAULT", "metadata_encryption_key");
  const keys = key === undefined || key === "" ? [] : [literal(key)];
  const wakeup = positive(oslo, "wakeup_time", 300);
  const unserved: string[] = [];
  const stores = backends(oslo).map(({ id, type, section }) => {
    if (isUnserved(type)) unserved.push(`store ${id} (${type})`);
    return { id, ...storeOf(oslo, type, section) };
  });
  return {
    config: {
      queue: {
        use: "@scrubber/queue-file",
        with: { directory: literal(oslo.get("DEFAULT", "scrubber_datadir") ?? "/var/lib/glance/scrubber") },
      },
      registry: { use: "@scrubber/registry-sql", with: { url: literal(url), ...(keys.length > 0 && { keys }) } },
      sweep: { every: "0s" },
      stores,
      scrub: {
        delay: `${positive(oslo, "scrub_time", 0)}s`,
        wakeup: `${Math.max(SHORTEST_WAKEUP_S, wakeup)}s`,
      },
      ...(keys.length > 0 && { encryption: { keys: [...keys] } }),
    },
    daemon: oslo.boolean("DEFAULT", "daemon", false),
    debug: oslo.boolean("DEFAULT", "debug", false),
    logFile: logFile(oslo),
    replaced:
      wakeup >= SHORTEST_WAKEUP_S
        ? []
        : [
            `[DEFAULT] wakeup_time = ${wakeup} would begin run after run without a pause: ${SHORTEST_WAKEUP_S} s is used instead`,
          ],
    unserved,
  };
}

/** Values of Glance's files mean themselves, also where they begin like one of the scrubber's own references to a secret. */
function literal(value: string): string {
  return /^(env|file|literal):/.test(value) ? `literal:${value}` : value;
}

function positive(oslo: OsloConfig, option: string, fallback: number): number {
  const seconds = oslo.integer("DEFAULT", option, fallback);
  if (seconds >= 0) return seconds;
  throw new ScrubberError("SCRUBBER_CONFIG_INVALID", `[DEFAULT] ${option} is negative`, {
    hint: "Give a number of seconds.",
  });
}

function logFile(oslo: OsloConfig): string | undefined {
  const file = oslo.get("DEFAULT", "log_file");
  const folder = oslo.get("DEFAULT", "log_dir");
  if (file === undefined || file === "") return undefined;
  return folder === undefined || folder === "" ? file : join(folder, file);
}

interface Backend {
  readonly id: string;
  readonly type: string;
  /** The section of the files with its options. */
  readonly section: string;
}

/** `enabled_backends = id:type, ...` where there are several stores, else `[glance_store] stores`. */
function backends(oslo: OsloConfig): readonly Backend[] {
  const enabled = list(oslo.get("DEFAULT", "enabled_backends"));
  if (enabled.length > 0) {
    return enabled.map((text) => {
      const [id, type] = text.split(":").map((part) => part.trim());
      if (id === undefined || id === "" || type === undefined || type === "") {
        throw new ScrubberError("SCRUBBER_CONFIG_INVALID", `[DEFAULT] enabled_backends has "${text}"`, {
          hint: "Each backend is written id:type, for example fast:file.",
        });
      }
      return { id, type, section: id };
    });
  }
  const named = list(oslo.get("glance_store", "stores"));
  // Where nothing is named, Glance has http too, which it can only read.
  const types = named.length > 0 ? named : ["file"];
  return [...new Set(types.map((type) => TYPE_OF[type] ?? type))].map((type) => ({
    id: type,
    type,
    section: "glance_store",
  }));
}

function list(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function storeOf(oslo: OsloConfig, type: string, section: string): NamedUse {
  const served = TYPE_OF[type];
  if (served === "file") {
    return { use: "@scrubber/store-fs", with: { roots: roots(oslo, section), percentEncoded: false } };
  }
  if (served === "s3") return { use: "@scrubber/store-s3", with: s3Options(oslo, section) };
  if (isUnserved(type)) return { use: "@scrubber/app/unserved-store", with: { type } };
  throw new ScrubberError("SCRUBBER_CONFIG_INVALID", `store type "${type}" is not known`, {
    hint: "Glance's types are file, s3, http, swift, rbd, cinder and vmware; file and s3 are served.",
  });
}

/** `filesystem_store_datadirs` may be repeated; each is a path, perhaps with `:priority`. */
function roots(oslo: OsloConfig, section: string): readonly string[] {
  const several = oslo.all(section, "filesystem_store_datadirs").map((value) => value.replace(/:\d+$/, ""));
  if (several.length > 0) return several.map(literal);
  return [literal(oslo.get(section, "filesystem_store_datadir") ?? "/var/lib/glance/images")];
}

function s3Options(oslo: OsloConfig, section: string): Readonly<Record<string, unknown>> {
  const option = (name: string): string | undefined => {
    const value = oslo.get(section, name);
    return value === undefined || value === "" ? undefined : literal(value);
  };
  const host = option("s3_store_host");
  const region = option("s3_store_region_name");
  const format = oslo.get(section, "s3_store_bucket_url_format") ?? "auto";
  return {
    ...(host !== undefined && { endpoint: /^https?:\/\//.test(host) ? host : `https://${host}` }),
    ...(region !== undefined && { region }),
    accessKeyId: option("s3_store_access_key"),
    secretAccessKey: option("s3_store_secret_key"),
    forcePathStyle: format === "path" || (format === "auto" && host !== undefined && !/amazonaws\.com/.test(host)),
    glanceUris: true,
  };
}
