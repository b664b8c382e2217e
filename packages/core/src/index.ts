/**
 * The contracts of Scrubber.
 *
 * **Words.** An *image* owns one or more stored objects; a *location* is one stored object: a URI, perhaps a store id, an identity, metadata. The
 * *queue* holds locations that wait for deletion, each an *entry*; `requestedAt` is when the deletion was asked for, `dueAt` when its time comes.
 * A *lease* hands an entry to one scrubber for a while, with a *token* that fences off whoever held it before; to *settle* is to say how a leased entry
 * ended. *Set aside* (elsewhere: dead letter) is out of the way, kept and shown. The *registry* knows the images; to *sweep* is to bring into the queue what
 * the registry knows and the queue does not. An *outcome* is the typed answer for one location. A *key* is what a store calls an object, free of credentials.
 *
 * @packageDocumentation
 */
export * from "./cipher.ts";
export * from "./connections.ts";
export * from "./errors.ts";
export * from "./location.ts";
export * from "./plugin.ts";
export * from "./queue.ts";
export * from "./registry.ts";
export * from "./standard-schema.ts";
export * from "./store.ts";
export * from "./system.ts";
export * from "./time.ts";
