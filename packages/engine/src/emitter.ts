import type { Logger } from "@scrubber/core";
import type { ScrubberEvent } from "./events.ts";

type Listener = (event: ScrubberEvent) => void;

/** Hands events to listeners, at once and in order. A listener that throws stops nothing: it is logged. */
export class Emitter {
  readonly #listeners = new Set<Listener>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Adds a listener; returns what removes it. */
  on(listener: Listener): () => void {
    // Its own function, so that a listener that was added twice is called twice and removed one by one.
    const own: Listener = (event) => {
      listener(event);
    };
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Whether anybody listens: what is costly to describe need not be described to nobody. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  readonly emit = (event: ScrubberEvent): void => {
    this.#listeners.forEach((listener) => {
      try {
        listener(event);
      } catch (error) {
        this.#log.error("a listener of events failed", { event: event.type, error: String(error) });
      }
    });
  };
}
