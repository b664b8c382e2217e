import { join } from "node:path";

/** What is where in a queue's directory. */
export interface Layout {
  readonly directory: string;
  readonly database: string;
  /** The drop box. */
  readonly incoming: string;
  /** Files of the drop box that are being taken in. */
  readonly claimed: string;
  /** Files that could not be read, each with a reason. */
  readonly quarantine: string;
}

export function layoutOf(directory: string): Layout {
  return {
    directory,
    database: join(directory, "queue.sqlite"),
    incoming: join(directory, "incoming"),
    claimed: join(directory, "claimed"),
    quarantine: join(directory, "quarantine"),
  };
}
