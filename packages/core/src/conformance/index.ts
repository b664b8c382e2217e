/**
 * The test kit: what every store, queue, registry and plugin must do, as tests that run on any backend.
 *
 * @packageDocumentation
 */
export * from "./harness.ts";
