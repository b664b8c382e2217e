import { ScrubberError } from "@scrubber/core";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * OpenStack's configuration files as oslo.config reads them: INI with continuation lines, repeated options, `$name` substitution; later files win.
 * Source: oslo.config's documentation ("Option Setting Locations", "Option Value Interpolation") and its behaviour, version 9.
 */
export class OsloConfig {
  /** Section, then option, then every value given, oldest first. */
  readonly #sections = new Map<string, Map<string, string[]>>();

  /** Adds a file's values; they win over those of the files before. */
  read(file: string): void {
    let text: string;
    try {
      text = readFileSync(file, "utf8");
    } catch (cause) {
      throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot read the configuration file ${file}`, {
        hint: "Check the path given with --config-file, and that this user may read it.",
        cause,
      });
    }
    const found = new Map<string, Map<string, string[]>>();
    for (const { section, option, value } of assignments(text, file)) {
      const options = found.get(section) ?? new Map<string, string[]>();
      found.set(section, options);
      options.set(option, [...(options.get(option) ?? []), value]);
    }
    for (const [section, options] of found) {
      const all = this.#sections.get(section) ?? new Map<string, string[]>();
      this.#sections.set(section, all);
      for (const [option, values] of options) all.set(option, [...(all.get(option) ?? []), ...values]);
    }
  }

  /** Adds every `*.conf` file of a directory, in order of their names. */
  readDirectory(directory: string): void {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch (cause) {
      throw new ScrubberError("SCRUBBER_CONFIG_UNREADABLE", `cannot read the configuration directory ${directory}`, {
        hint: "Check the path given with --config-dir, and that this user may read it.",
        cause,
      });
    }
    for (const name of names.filter((name) => name.endsWith(".conf")).sort()) this.read(join(directory, name));
  }

  /** Whether a section stands in any file. */
  has(section: string): boolean {
    return this.#sections.has(section);
  }

  /** The last value given for an option; undefined where there is none. */
  get(section: string, option: string): string | undefined {
    return this.all(section, option).at(-1);
  }

  /** Every value given for an option that may be repeated, oldest first. */
  all(section: string, option: string): readonly string[] {
    return this.#raw(section, option).map((value) => this.#substitute(value, section, 0));
  }

  /** A number, where one is given. */
  integer(section: string, option: string, fallback: number): number {
    const text = this.get(section, option)?.trim();
    if (text === undefined || text === "") return fallback;
    if (/^[+-]?\d+$/.test(text)) return Number(text);
    throw invalid(section, option, "a whole number");
  }

  /** A switch, where one is given. */
  boolean(section: string, option: string, fallback: boolean): boolean {
    const text = this.get(section, option)?.trim().toLowerCase();
    if (text === undefined || text === "") return fallback;
    if (["true", "1", "yes", "on"].includes(text)) return true;
    if (["false", "0", "no", "off"].includes(text)) return false;
    throw invalid(section, option, "true or false");
  }

  #raw(section: string, option: string): readonly string[] {
    return this.#sections.get(section)?.get(option) ?? [];
  }

  /** `$name` is looked up in the same section, then in DEFAULT; `$section.name` in that section. `$$` and `\$` are a dollar. */
  #substitute(value: string, section: string, depth: number): string {
    if (depth > 20) {
      throw new ScrubberError(
        "SCRUBBER_CONFIG_INVALID",
        `options of section [${section}] refer to each other in a circle`,
        {
          hint: "Write the value out where it is first used with a $.",
        },
      );
    }
    return value
      .replaceAll("\\$", "$$$$")
      .replace(/\$(?:\$|\{([_a-z][._a-z0-9]*)\}|([_a-z][._a-z0-9]*))/gi, (whole, braced?: string, bare?: string) => {
        const name = braced ?? bare;
        if (name === undefined) return "$";
        const dot = name.indexOf(".");
        const places: readonly [string, string][] = [
          ...(dot < 0 ? [] : [[name.slice(0, dot), name.slice(dot + 1)] as [string, string]]),
          [section, name],
          ["DEFAULT", name],
        ];
        for (const [where, option] of places) {
          const found = this.#raw(where, option).at(-1);
          if (found !== undefined) return this.#substitute(found, where, depth + 1);
        }
        throw new ScrubberError(
          "SCRUBBER_CONFIG_INVALID",
          `an option of section [${section}] refers to ${whole}, which no file gives a value`,
          { hint: `Give ${name} a value; and where a dollar is meant, write $$.` },
        );
      });
  }
}

function invalid(section: string, option: string, wanted: string): ScrubberError {
  return new ScrubberError("SCRUBBER_CONFIG_INVALID", `[${section}] ${option} is not ${wanted}`, {
    hint: `Give ${option} ${wanted}, or leave it out for its default.`,
  });
}

interface Assignment {
  readonly section: string;
  readonly option: string;
  readonly value: string;
}

function assignments(text: string, file: string): readonly Assignment[] {
  const found: { section: string; option: string; value: string }[] = [];
  let section: string | undefined;
  let open: { section: string; option: string; value: string } | undefined;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trimEnd();
    const fail = (why: string): never => {
      throw new ScrubberError("SCRUBBER_CONFIG_INVALID", `${file}, line ${index + 1}: ${why}`, {
        hint: "Lines are [section], option = value, a comment (# or ;), or a continuation that begins with a blank.",
      });
    };
    if (line === "") {
      open = undefined;
    } else if (/^[ \t]/.test(line)) {
      if (open === undefined) fail("a continuation line without an option before it");
      else open.value += `\n${line.trimStart()}`;
    } else if (line.startsWith("[")) {
      open = undefined;
      section =
        line.endsWith("]") && line.length > 2 ? line.slice(1, -1) : fail("a section must have a name and end with ]");
    } else if (line.startsWith("#") || line.startsWith(";")) {
      open = undefined;
    } else {
      const at = line.search(/[:=]/);
      if (at < 0) fail('an option without "=" or ":"');
      if (section === undefined) fail("an option before the first [section]");
      const option = line.slice(0, at).trim();
      if (option === "") fail("an option without a name");
      open = { section: section ?? "", option, value: unquote(line.slice(at + 1).trim()) };
      found.push(open);
    }
  }
  return found;
}

function unquote(value: string): string {
  const quote = value[0];
  return value.length > 1 && (quote === '"' || quote === "'") && value.endsWith(quote) ? value.slice(1, -1) : value;
}

/** What is read: a file, or the `*.conf` files of a directory. */
export interface ConfigSource {
  readonly kind: "file" | "directory";
  readonly path: string;
}

/**
 * What is read where nothing is named: of `glance-api.conf` and `glance-scrubber.conf` the first that exists in `~/.glance`, `~`, `/etc/glance`, `/etc`,
 * then likewise their `.conf.d` directories.
 */
export function defaultConfigSources(exists: (path: string) => boolean): readonly ConfigSource[] {
  const folders = [join(homedir(), ".glance"), homedir(), "/etc/glance", "/etc"].map((path) => resolve(path));
  const first = (name: string, kind: ConfigSource["kind"]): readonly ConfigSource[] =>
    folders
      .map((folder) => ({ kind, path: join(folder, name) }))
      .filter(({ path }) => exists(path))
      .slice(0, 1);
  const names = ["glance-api", "glance-scrubber"];
  return [
    ...names.flatMap((name) => first(`${name}.conf`, "file")),
    ...names.flatMap((name) => first(`${name}.conf.d`, "directory")),
  ];
}
