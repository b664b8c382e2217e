import { add } from "./add.ts";
import { check } from "./check.ts";
import type { CommandDefinition } from "./definition.ts";
import { deleteImage } from "./delete.ts";
import { discard } from "./discard.ts";
import { image } from "./image.ts";
import { importGlance } from "./import-glance.ts";
import { importQueue } from "./import-queue.ts";
import { init } from "./init.ts";
import { list } from "./list.ts";
import { pause, resume } from "./pause.ts";
import { receipts } from "./receipts.ts";
import { restore } from "./restore.ts";
import { retry } from "./retry.ts";
import { run } from "./run.ts";
import { show } from "./show.ts";
import { status } from "./status.ts";

/** All commands, in the order in which help shows them. */
export const commands: readonly CommandDefinition[] = [
  init,
  check,
  add,
  run,
  list,
  show,
  status,
  restore,
  retry,
  discard,
  pause,
  resume,
  importQueue,
  importGlance,
  image,
  deleteImage,
  receipts,
];
