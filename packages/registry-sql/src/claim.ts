import { DatabaseSync } from "node:sqlite";
import type { Claim } from "@scrubber/core";
import type { Connection } from "./database.ts";

/**
 * How often the connection is used: one that says nothing is ended by many servers and firewalls after some minutes, and the lock would go with it. Also how
 * long it may take until a loss is noticed.
 */
const KEEP_ALIVE_MS = 10_000;

/**
 * Claims by a lock of the server that lives as long as its connection.
 *
 * @param statement Answers with one row of one value, which is 1 where the lock was to be had.
 */
export async function claimOnServer(
  acquire: () => Promise<Connection>,
  statement: string,
  keepAliveMs: number = KEEP_ALIVE_MS,
): Promise<Claim | undefined> {
  const connection = await acquire();
  let kept = false;
  try {
    const [row] = await connection.all(statement, []);
    kept = Number(row?.[0]) === 1;
  } finally {
    if (!kept) connection.release(true);
  }
  if (!kept) return undefined;
  // Another scrubber may begin before the loss is noticed; every deletion is recorded by compare-and-set all the same.
  const lost = new AbortController();
  const timer = setInterval(() => {
    connection.all("SELECT 1", []).catch(() => {
      clearInterval(timer);
      lost.abort();
    });
  }, keepAliveMs);
  timer.unref();
  return {
    lost: lost.signal,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      connection.release(true);
    },
  };
}

/** Claims by a file beside a SQLite database: an SQLite file of its own, locked for as long as this process lives. */
export function claimBesideFile(path: string): AsyncDisposable | undefined {
  const lock = new DatabaseSync(`${path}.scrubber-lock`, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    lock.close();
    const busy = error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5;
    if (busy) return undefined;
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      lock.close();
    },
  };
}
