/** How long a server is believed to take writes, in milliseconds. */
const KNOWN_FOR_MS = 10_000;

/** The server takes no writes: nothing can be recorded there, and it may be a replica, which tells what was alive a while ago. */
export class ReadOnlyServer extends Error {}

/** Of connections: makes sure that they lead to a server that takes writes; asks when one is new, and now and then, for a server may become a replica under it. */
export type AssurePrimary = (connection: object, isReadOnly: () => Promise<boolean>) => Promise<void>;

/** @param monotonic Milliseconds of a clock that is never set. */
export function primaryAssurance(monotonic: () => number = () => performance.now()): AssurePrimary {
  const asked = new WeakMap<object, number>();
  return async (connection, isReadOnly) => {
    const now = monotonic();
    if (now - (asked.get(connection) ?? Number.NEGATIVE_INFINITY) < KNOWN_FOR_MS) return;
    if (await isReadOnly()) throw new ReadOnlyServer();
    asked.set(connection, now);
  };
}
