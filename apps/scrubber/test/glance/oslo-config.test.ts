import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseArguments, readOsloConfig } from "../../src/glance/arguments.ts";
import { defaultConfigSources, OsloConfig } from "../../src/glance/oslo-config.ts";

const folder = mkdtempSync(join(tmpdir(), "oslo-"));
afterAll(() => rmSync(folder, { recursive: true }));

let count = 0;
function read(...texts: string[]): OsloConfig {
  const config = new OsloConfig();
  for (const text of texts) {
    const file = join(folder, `${count++}.conf`);
    writeFileSync(file, text);
    config.read(file);
  }
  return config;
}

describe("OpenStack's configuration files", () => {
  test("options are separated from values by the first = or :, and quotes around a whole value go", () => {
    const config = read(`[a]\none = x=y\ntwo: "q w"\nthree='z'\nfour = "half\n`);
    expect(["one", "two", "three", "four"].map((o) => config.get("a", o))).toEqual(["x=y", "q w", "z", '"half']);
  });

  test("a line that begins with a blank continues the value before it", () => {
    expect(read("[a]\nlong = first,\n   second\n").get("a", "long")).toBe("first,\nsecond");
  });

  test("repeated options keep every value, and the last one wins where one is wanted", () => {
    const config = read("[s]\ndirs = /a:1\ndirs = /b:2\n");
    expect(config.all("s", "dirs")).toEqual(["/a:1", "/b:2"]);
    expect(config.get("s", "dirs")).toBe("/b:2");
  });

  test("later files win", () => {
    expect(read("[DEFAULT]\nscrub_time = 1\n", "[DEFAULT]\nscrub_time = 2\n").integer("DEFAULT", "scrub_time", 0)).toBe(
      2,
    );
  });

  test("comments, blank lines, unknown sections and CRLF are taken as they come", () => {
    expect(
      read("# x\r\n; y\r\n\r\n[other]\r\nz = 1\r\n[DEFAULT]\r\ndaemon = Yes\r\n").boolean("DEFAULT", "daemon", false),
    ).toBe(true);
  });

  test("a dollar names another option: of the same section, of DEFAULT, or of a named section", () => {
    const config = read(
      "[DEFAULT]\nbase = /var\n[g]\nsub = lib\npath = $base/${sub}/$h.name\nprice = $$5 \\$6 $7\n[h]\nname = n\n",
    );
    expect(config.get("g", "path")).toBe("/var/lib/n");
    expect(config.get("g", "price")).toBe("$5 $6 $7");
  });

  test("a dollar that names an option without a value is an error, not a folder of that name", () => {
    const config = read("[DEFAULT]\nscrubber_datadir = $nowhere/scrubber\n");
    expect(() => config.get("DEFAULT", "scrubber_datadir")).toThrow("refers to $nowhere, which no file gives a value");
  });

  test("options that refer to each other in a circle are an error, not an endless loop", () => {
    expect(() => read("[a]\nx = $y\ny = $x\n").get("a", "x")).toThrow(/in a circle/);
  });

  test.each([
    ["[a", "line 1: a section must have a name"],
    ["x = 1", "line 1: an option before the first"],
    ["[a]\nnothing", 'line 2: an option without "="'],
    ["[a]\n= 1", "line 2: an option without a name"],
    ["[a]\n\n  more", "line 3: a continuation line"],
  ])("%j is an error that names its line", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  test("a number or switch that is none is an error that names the option", () => {
    const config = read("[DEFAULT]\nwakeup_time = soon\ndaemon = perhaps\n");
    expect(() => config.integer("DEFAULT", "wakeup_time", 300)).toThrow("[DEFAULT] wakeup_time is not a whole number");
    expect(() => config.boolean("DEFAULT", "daemon", false)).toThrow("[DEFAULT] daemon is not true or false");
  });

  test("a file that is not there is an error", () => {
    expect(() => new OsloConfig().read(join(folder, "missing.conf"))).toThrow("cannot read the configuration file");
  });

  test("files and directories are read in the order of the command line, the files of a directory by their names", () => {
    const directory = join(folder, "conf.d");
    mkdirSync(directory);
    const file = join(folder, "api.conf");
    for (const [path, delay] of [
      [file, 1],
      [join(directory, "20.conf"), 3],
      [join(directory, "10.conf"), 2],
      [join(directory, "30.conf.bak"), 4],
    ] as const)
      writeFileSync(path, `[DEFAULT]\nscrub_time = ${delay}\n`);
    const delayAfter = (...args: string[]): number => {
      const { sources } = parseArguments(args, process);
      return readOsloConfig(sources, folder).integer("DEFAULT", "scrub_time", 0);
    };
    expect(delayAfter("--config-file", file, "--config-dir", "conf.d")).toBe(3);
    expect(delayAfter("--config-dir", directory, "--config-file", "api.conf")).toBe(1);
  });

  test("where nothing is named, the first glance-api.conf, then glance-scrubber.conf, then their directories are read", () => {
    const there = [
      "/etc/glance/glance-api.conf",
      "/etc/glance-api.conf",
      "/etc/glance/glance-api.conf.d",
      "/etc/glance-scrubber.conf",
    ];
    expect(defaultConfigSources((path) => there.includes(path))).toEqual([
      { kind: "file", path: "/etc/glance/glance-api.conf" },
      { kind: "file", path: "/etc/glance-scrubber.conf" },
      { kind: "directory", path: "/etc/glance/glance-api.conf.d" },
    ]);
  });
});
