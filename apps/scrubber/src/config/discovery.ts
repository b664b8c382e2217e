import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { ScrubberError } from "@scrubber/core";

const HERE = ["scrubber.yaml", "scrubber.config.ts"];
const SYSTEM = "/etc/scrubber/scrubber.yaml";

/** What decides which configuration is read. */
export interface Whereabouts {
  /** `--config`. */
  readonly config: string | undefined;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Where `init` looks, and writes if nothing is there: the file that is named, else the one of this folder that every other command would read. */
export function configToMake({ config, cwd, env }: Whereabouts): string {
  const named = config ?? (env["SCRUBBER_CONFIG"] || undefined);
  if (named !== undefined) return resolve(cwd, named);
  return resolve(cwd, HERE.find((name) => existsSync(resolve(cwd, name))) ?? "scrubber.yaml");
}

/**
 * The configuration file, absolute: `--config`, else `$SCRUBBER_CONFIG`, else `./scrubber.yaml`, `./scrubber.config.ts`, `/etc/scrubber/scrubber.yaml`.
 *
 * @throws {ScrubberError} `SCRUBBER_CONFIG_NOT_FOUND`, naming where was looked.
 */
export function findConfig({ config, cwd, env }: Whereabouts): string {
  const fromEnv = env["SCRUBBER_CONFIG"] || undefined;
  const named = config ?? fromEnv;
  if (named !== undefined) {
    const file = resolve(cwd, named);
    if (existsSync(file)) return file;
    throw new ScrubberError(
      "SCRUBBER_CONFIG_NOT_FOUND",
      `${config === undefined ? "$SCRUBBER_CONFIG" : "--config"} names ${file}, which does not exist`,
      { hint: `Make one there: scrubber init --config ${named}` },
    );
  }
  const found = [...HERE.map((name) => resolve(cwd, name)), SYSTEM].find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new ScrubberError(
    "SCRUBBER_CONFIG_NOT_FOUND",
    `no configuration found: neither ${HERE.join(" nor ")} in ${cwd}, nor ${SYSTEM}`,
    { hint: "Make one here: scrubber init. Or name one: --config FILE, or $SCRUBBER_CONFIG." },
  );
}
