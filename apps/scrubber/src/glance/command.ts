import { createWriteStream } from "node:fs";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CommanderError } from "commander";
import { messageOf, isScrubberError, type Claim, type Logger } from "@scrubber/core";
import type { Scrubber } from "@scrubber/engine";
import { composeConfig } from "../config/load.ts";
import { exitCodeFor } from "../commands/run.ts";
import { logEvents } from "../event-log.ts";
import { EXIT, type ExitCode } from "../exit-code.ts";
import type { Process } from "../invocation.ts";
import { createLog } from "../log.ts";
import { createOutput } from "../output.ts";
import { createRedactor, type Redactor } from "../redactor.ts";
import { parseArguments, readOsloConfig, type GlanceArguments } from "./arguments.ts";
import { HostMark } from "./host-guard.ts";
import { glanceSettings, type GlanceSettings } from "./settings.ts";

const ALREADY_RUNNING = "ERROR: glance-scrubber is already running. Please ensure that the daemon is stopped.";
const NOT_TOGETHER =
  "ERROR: The restore and daemon options should not be set together. Please use either of them in one request.";
const UNLISTED = "Can not get scrub jobs from queue";

/** How often a daemon that stands by asks whether the active one is gone. */
const STAND_BY_MS = 5000;

/** Runs glance-scrubber's command line, and resolves with the exit code. Every error ends here. */
export async function runGlanceScrubber(args: readonly string[], process: Process): Promise<ExitCode> {
  const redactor = createRedactor();
  const say = (line: string): void => void process.stderr.write(`${redactor.text(line)}\n`);
  let given: GlanceArguments;
  try {
    given = parseArguments(args, process);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw error;
  }
  try {
    return await run(given, process, redactor, say);
  } catch (error) {
    const listing =
      given.restore === undefined && isScrubberError(error) && error.code.startsWith("SCRUBBER_REGISTRY_");
    say(`${listing ? UNLISTED : "ERROR"}: ${messageOf(error)}`);
    if (error instanceof Error && "problems" in error) {
      const { describeProblem } = await import("../config/problems.ts");
      for (const problem of error.problems as Parameters<typeof describeProblem>[0][])
        say(`  ${describeProblem(problem)}`);
    }
    if (isScrubberError(error) && error.hint !== undefined) say(error.hint);
    return EXIT.environment;
  }
}

type Say = (line: string) => void;

async function run(given: GlanceArguments, process: Process, redactor: Redactor, say: Say): Promise<ExitCode> {
  if (given.restore !== undefined && given.daemon === true) {
    say(NOT_TOGETHER);
    return EXIT.environment;
  }
  await using mark = new HostMark();
  // Asked before any file is read: it must answer on a host without a configuration too.
  if (given.restore !== undefined && !(await mark.take())) {
    say(ALREADY_RUNNING);
    return EXIT.environment;
  }
  const settings = glanceSettings(readOsloConfig(given.sources, process.cwd));
  const daemon = given.daemon ?? settings.daemon;
  if (daemon && given.restore !== undefined) {
    say(NOT_TOGETHER);
    return EXIT.environment;
  }
  if (daemon) await mark.take();
  await using logging = openLog(given, settings, process, redactor);
  const { log } = logging;
  if (daemon) for (const what of settings.replaced) log.warn(what);
  for (const what of settings.unserved)
    log.info(`${what} is not served: its locations are set aside, their images stay pending`);
  await using scrubber = await open(settings, process, redactor, log);
  const stop = new AbortController();
  const endListening = process.onStop(() => {
    if (stop.signal.aborted) process.exit(EXIT.environment);
    log.info("stopping: what is running is finished or handed back; a second signal stops at once");
    stop.abort();
  });
  try {
    if (daemon) return await workForever(scrubber, stop.signal, mark, log);
    await using claim = await claimRegistry(scrubber, undefined, log);
    if (claim === undefined) {
      if (given.restore === undefined) say("Another glance-scrubber is at work on this database: nothing to do here.");
      else say(ALREADY_RUNNING);
      return given.restore === undefined ? EXIT.done : EXIT.environment;
    }
    if (given.restore !== undefined) return await restore(scrubber, given.restore, say);
    return await runOnce(scrubber, stop.signal, say, log);
  } finally {
    endListening();
  }
}

/** A daemon: stands by until it has the claim, works until it is stopped or the claim is lost, and stands by again. */
async function workForever(scrubber: Scrubber, stop: AbortSignal, mark: HostMark, log: Logger): Promise<ExitCode> {
  while (!stop.aborted) {
    await using claim = await claimRegistry(scrubber, stop, log);
    if (claim === undefined) break;
    // One that stood by takes over the mark, too.
    await mark.take();
    const { lost } = claim;
    await scrubber.runForever({ signal: lost === undefined ? stop : AbortSignal.any([stop, lost]) });
    if (lost?.aborted === true) log.warn("the lock was lost with its connection to the database: it is taken anew");
  }
  return EXIT.done;
}

async function open(settings: GlanceSettings, process: Process, redactor: Redactor, log: Logger): Promise<Scrubber> {
  const { createScrubber } = await import("@scrubber/engine");
  // Its folder is where `use` is looked for first; all paths in Glance's files are absolute.
  const file = join("/etc/glance", "glance-api.conf");
  const loaded = await composeConfig({ file, value: settings.config, at: () => undefined }, process.env, redactor);
  return createScrubber(loaded.config, { log, baseDirectory: process.cwd, onEvent: logEvents(log) });
}

/** The one active scrubber's claim. `standBy`: wait for it until that aborts. */
async function claimRegistry(
  { registry }: Scrubber,
  standBy: AbortSignal | undefined,
  log: Logger,
): Promise<Claim | undefined> {
  const unclaimed: Claim = { [Symbol.asyncDispose]: () => Promise.resolve() };
  let told = false;
  while (standBy?.aborted !== true) {
    try {
      const claim = registry?.claim === undefined ? unclaimed : await registry.claim();
      if (claim !== undefined || standBy === undefined) return claim;
      if (!told) log.info("another glance-scrubber is at work on this database: standing by");
      told = true;
    } catch (error) {
      if (standBy === undefined) throw error;
      log.error(`the database does not answer: ${messageOf(error)}`);
    }
    await sleep(STAND_BY_MS, undefined, { signal: standBy }).catch(() => {});
  }
  return undefined;
}

/** One sweep and one run, as the sweep at every wake-up makes it. */
async function runOnce(scrubber: Scrubber, signal: AbortSignal, say: Say, log: Logger): Promise<ExitCode> {
  const startedAt = new Date();
  let unlisted: string | undefined;
  let skipped = 0;
  const unlisten = scrubber.on((event) => {
    if (event.type === "outage" && event.of === "sweep") unlisted = event.message;
    if (event.type !== "sweep.finished") return;
    const { seen, added, present, setAside, finished } = event.summary;
    skipped += Math.max(0, seen - added - present - setAside - finished);
  });
  try {
    const summary = await scrubber.runOnce({ signal });
    for (const { store, group, since, reason } of summary.untried ?? []) {
      // What this run found down it has said.
      if (since < startedAt) log.warn(`store ${store} is down; its entries wait: ${reason}`, { group, since });
    }
    if (summary.leased === 0 && (await scrubber.status()).paused)
      log.warn("deletion is paused, and nothing was tried: scrubber resume");
    const code = exitCodeFor(summary);
    if (unlisted !== undefined) {
      say(`${UNLISTED}: ${unlisted}`);
      return EXIT.environment;
    }
    return skipped > 0 && code === EXIT.done ? EXIT.incomplete : code;
  } finally {
    unlisten();
  }
}

async function restore(scrubber: Scrubber, imageId: string, say: Say): Promise<ExitCode> {
  const result = await scrubber.restore(imageId);
  if (result.restored) return EXIT.done;
  if (result.missing === true) say(`ERROR: No image found with ID ${imageId}`);
  else if (result.nativeStatus !== undefined && result.nativeStatus !== "pending_delete") {
    say(`ERROR: cannot restore the image from ${result.nativeStatus} to active (wanted from_state=pending_delete)`);
  } else say(`ERROR: cannot restore the image ${imageId}: ${result.reason ?? "the registry refused"}`);
  return EXIT.environment;
}

/** Logs go to stderr; with a log file they go there, and stderr has the errors. */
function openLog(
  given: GlanceArguments,
  settings: GlanceSettings,
  process: Process,
  redactor: Redactor,
): AsyncDisposable & { readonly log: Logger } {
  const level = (given.debug ?? settings.debug) ? "debug" : "info";
  const output = createOutput(process, redactor, false);
  const named = given.logFile ?? settings.logFile;
  if (named === undefined) {
    return { log: createLog(output, process.stderr, redactor, level), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const path = given.logDir === undefined ? resolve(process.cwd, named) : resolve(process.cwd, given.logDir, named);
  const stream = createWriteStream(path, { flags: "a", mode: 0o640 });
  const errors = createLog(output, process.stderr, redactor, "error");
  stream.on("error", (error) => errors.error(`cannot write to the log file ${path}: ${messageOf(error)}`));
  const file = createLog(output, stream, redactor, level);
  return {
    log: {
      debug: (message, fields) => file.debug(message, fields),
      info: (message, fields) => file.info(message, fields),
      warn: (message, fields) => file.warn(message, fields),
      error(message, fields) {
        file.error(message, fields);
        errors.error(message, fields);
      },
    },
    async [Symbol.asyncDispose]() {
      if (stream.destroyed) return;
      stream.end();
      await once(stream, "close").catch(() => {});
    },
  };
}
