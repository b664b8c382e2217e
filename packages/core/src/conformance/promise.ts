import { AssertionError } from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";
import { isEnvironmentError, isScrubberError, type ErrorCode } from "../errors.ts";

/** Fails with the sentence that was broken, and with what was seen instead. */
export function broken(sentence: string, seen: string, values: { actual?: unknown; expected?: unknown } = {}): never {
  throw new AssertionError({ message: `Promise broken: ${sentence}\n${seen}`, ...values, stackStartFn: broken });
}

/** Asserts a fact. */
export function promise(fact: boolean, sentence: string, seen?: unknown): asserts fact {
  if (!fact) broken(sentence, seen === undefined ? "It is not so." : `Seen: ${show(seen)}`);
}

/** Asserts deep, strict equality. */
export function same(actual: unknown, expected: unknown, sentence: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  broken(sentence, `Expected: ${show(expected)}\nSeen:     ${show(actual)}`, { actual, expected });
}

/** Asserts that a call rejects with one of these codes. */
export async function refuses(call: () => unknown, codes: readonly ErrorCode[], sentence: string): Promise<void> {
  const error = await failureOf(call);
  if (error === undefined) broken(sentence, `Expected an error ${codes.join(" or ")}; the call succeeded.`);
  if (codes.some((code) => isScrubberError(error.reason, code))) return;
  broken(sentence, `Expected an error ${codes.join(" or ")}; seen: ${show(error.reason)}`, { actual: error.reason });
}

/** Asserts that a call rejects with an error of the environment. */
export async function failsForEnvironment(call: () => unknown, sentence: string): Promise<void> {
  const error = await failureOf(call);
  if (error === undefined) broken(sentence, "Expected an error of the environment; the call succeeded.");
  if (isEnvironmentError(error.reason)) return;
  broken(sentence, `Expected an error of the environment (ERROR_CODES); seen: ${show(error.reason)}`);
}

/** What an under-test must have, given what the backend says it supports. */
export function required<T>(hand: T | undefined, name: string, why: string): T {
  if (hand === undefined) broken(`the harness has ${name}`, `It is needed because ${why}.`);
  return hand;
}

async function failureOf(call: () => unknown): Promise<{ readonly reason: unknown } | undefined> {
  try {
    await call();
    return undefined;
  } catch (reason) {
    return { reason };
  }
}

function show(value: unknown): string {
  return inspect(value, { depth: 6, breakLength: 120, maxArrayLength: 20, maxStringLength: 300 });
}
