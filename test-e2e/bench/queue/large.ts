import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openQueue, temporaryFolder } from "./place.ts";

const WAITING = 10_000_000;
const DUE = 1000;

/** What a process of its own measures: it opens the queue, leases what is due, and says how long that took and what it has come to in memory. */
const MEASURE = `
  const { openQueue } = await import(process.argv[1]);
  await using queue = await openQueue(process.argv[2]);
  const start = performance.now();
  const leased = await queue.lease({ limit: ${DUE}, leaseMs: 600_000 });
  const ms = performance.now() - start;
  const stats = await queue.stats();
  await queue.settle(leased.map(({ id, token }) => ({ kind: "release", id, token, visibleAt: new Date() })));
  console.log(JSON.stringify({ leased: leased.length, ms, waiting: stats.waiting, rss: process.resourceUsage().maxRSS * 1024 }));
`;

/** Ten million entries, of which a thousand are due: what one lease costs, in a process of its own. */
export async function largeQueue(): Promise<void> {
  using folder = temporaryFolder();
  const directory = join(folder.path, "queue");
  await (await openQueue(directory))[Symbol.asyncDispose]();
  fill(join(directory, "queue.sqlite"));
  console.log(
    `\n${WAITING} entries waiting, ${DUE} of them due; each line a process of its own (lease <= 50 ms, memory <= 120 MiB)\n`,
  );
  for (let time = 0; time < 5; time++) {
    const place = new URL("place.ts", import.meta.url).href;
    const answer = execFileSync(
      process.execPath,
      ["--conditions=@scrubber/source", "--input-type=module", "-e", MEASURE, place, directory],
      { encoding: "utf8" },
    );
    const { leased, ms, rss } = JSON.parse(answer) as { leased: number; ms: number; rss: number };
    console.log(`- leased ${leased} in ${ms.toFixed(1)} ms; peak memory ${(rss / 1024 / 1024).toFixed(0)} MiB`);
  }
}

/** Writes the rows themselves, in the order of their indexes: to add them one by one would take the better part of an hour. */
function fill(file: string): void {
  const database = new DatabaseSync(file);
  const now = Date.now();
  database.exec(`
    PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;
    BEGIN;
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${WAITING})
    INSERT INTO entries (id, digest, image_id, uri, requested_at, own_due, due_base, state)
    SELECT id, randomblob(16), printf('6f1c2a34-0000-4000-8000-%012d', id), printf('file:///var/lib/glance/images/6f1c2a34-0000-4000-8000-%012d', id),
      ${now}, 1, CASE WHEN id <= ${DUE} THEN ${now} - id ELSE ${now} + 86400000 + id END, 0 FROM n;
    INSERT INTO due SELECT state, lane, own_due, due_base, id FROM entries ORDER BY due_base, id;
    INSERT INTO digests SELECT digest, id FROM entries ORDER BY digest;
    UPDATE totals SET active = ${WAITING}, last_id = ${WAITING};
    COMMIT;
    PRAGMA wal_checkpoint(TRUNCATE);
  `);
  database.close();
}
