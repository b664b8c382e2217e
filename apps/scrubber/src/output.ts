import type { Writable } from "node:stream";
import { styleText } from "node:util";
import { messageOf } from "@scrubber/core";
import type { Redactor } from "./redactor.ts";

type Style = Parameters<typeof styleText>[0];

const ERASE_LINE = "\r\u001b[K";

/** Where a command's answers and remarks go. Everything passes the redactor. */
export interface Output {
  /** Whether stdout carries JSON alone. */
  readonly json: boolean;
  /** Whether a person looks at stderr: then there are colours and progress. */
  readonly interactive: boolean;
  /** Set while a progress bar is drawn: then a remark takes the bar's line, and the bar is drawn anew below. */
  progress: boolean;
  /** False once whoever read stdout has gone away (`| head`): what lists may stop. */
  readonly open: boolean;
  /** Stdout could not be written, for another reason than that nobody reads it (a full disk, say): the answer is not whole. */
  readonly failed: boolean;
  /** A line of the answer for people; nothing with `--json`. Resolves when there is room for more. */
  line(text?: string): Promise<void>;
  /** One object of the answer, on a line; nothing without `--json`. */
  object(value: object): Promise<void>;
  /** A remark on stderr, in either form. */
  note(text: string): void;
  /** Text in a colour, where stdout is a terminal. */
  style(style: Style, text: string): string;
  /** Text in a colour, where stderr is a terminal. */
  noteStyle(style: Style, text: string): string;
}

/** The streams of a process. */
export interface Streams {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

export function createOutput(streams: Streams, redactor: Redactor, json: boolean): Output {
  const { stdout, stderr } = streams;
  let open = true;
  let failed = false;
  stdout.on("error", (error: NodeJS.ErrnoException) => {
    open = false;
    if (failed || error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") return;
    failed = true;
    stderr.write(`${paint("red", "error:", stderr)} the output cannot be written: ${messageOf(error)}\n`);
  });
  // What cannot be said here cannot be said anywhere; the work goes on.
  stderr.on("error", () => {});

  async function write(text: string): Promise<void> {
    if (!open || stdout.write(`${text}\n`)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdout.off("drain", done).off("close", done).off("error", done);
        resolve();
      };
      stdout.on("drain", done).on("close", done).on("error", done);
    });
  }

  return {
    json,
    progress: false,
    interactive: isTerminal(stderr) && !json,
    get open() {
      return open;
    },
    get failed() {
      return failed;
    },
    line: (text = "") => (json ? Promise.resolve() : write(redactor.text(text))),
    object: (value) => (json ? write(JSON.stringify(redactor.value(value))) : Promise.resolve()),
    note(text) {
      stderr.write(`${this.progress ? ERASE_LINE : ""}${redactor.text(text)}\n`);
    },
    style: (style, text) => paint(style, text, stdout),
    noteStyle: (style, text) => paint(style, text, stderr),
  };
}

export function isTerminal(stream: Writable): boolean {
  return "isTTY" in stream && stream.isTTY === true;
}

function paint(style: Style, text: string, stream: Writable): string {
  return isTerminal(stream) ? styleText(style, text, { stream }) : text;
}
