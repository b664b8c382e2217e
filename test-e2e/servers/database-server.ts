import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A database server of one test's own, on loopback, with its files in a fresh folder. Disposing of it stops it and removes them. */
export interface DatabaseServer extends AsyncDisposable {
  readonly kind: "mariadb" | "postgres";
  readonly port: number;
  /** Makes an empty database, owned by a user of the same name who may do anything in it. `how`: what its CREATE DATABASE says besides. */
  createDatabase(name: string, how?: string): Promise<ServerDatabase>;
  /** Runs one statement as who may do anything. */
  admin(text: string): Promise<readonly Record<string, unknown>[]>;
  /** Stops the server and keeps its files. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** A database, and the hands of its owner on it. */
export interface ServerDatabase extends AsyncDisposable {
  /** Such as a person writes it. */
  readonly url: string;
  /** Such as Glance's configuration has it. */
  readonly sqlAlchemyUrl: string;
  /** Runs one statement; each `?` stands for a value. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Runs `work` as one transaction. */
  transaction<T>(work: (query: ServerDatabase["query"]) => Promise<T>): Promise<T>;
  /** The URL of a new user who has only these rights, on the tables that are there. */
  urlOf(user: string, rights: "SELECT" | "SELECT, UPDATE"): Promise<string>;
}

const START_MS = 120_000;

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** A server's process: its output goes to a file, and it ends with this process at the latest. */
export interface ServerProcess {
  /** Resolves when `isUp` does; rejects, with the end of its output, when the process ends or too much time passes before. */
  ready(isUp: () => Promise<void>): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

export function startProcess(
  command: string,
  args: readonly string[],
  logFile: string,
  options: SpawnOptions,
): ServerProcess {
  const log = openSync(logFile, "a");
  const child: ChildProcess = spawn(command, args, { ...options, stdio: ["ignore", log, log] });
  closeSync(log);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = once(child, "exit").catch(() => []);
  let isRunning = true;
  void ended.then(() => {
    isRunning = false;
    process.off("exit", kill);
  });
  return {
    async ready(isUp) {
      const deadline = Date.now() + START_MS;
      for (;;) {
        try {
          return await isUp();
        } catch (error) {
          if (!isRunning || Date.now() > deadline) {
            const output = (await readFile(logFile, "utf8")).slice(-2000);
            throw new Error(`${command} did not start:\n${output}`, { cause: error });
          }
          await sleep(100);
        }
      }
    },
    async stop(signal) {
      if (!isRunning) return;
      child.kill(signal);
      await ended;
    },
  };
}
