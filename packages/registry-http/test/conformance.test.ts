import { testPlugin, testRegistry } from "@scrubber/core/conformance";
import { describe, test } from "vitest";
import plugin from "../src/index.ts";
import { KEY, openPlace, sealed } from "./place.ts";
import { isoOf } from "./registry-server.ts";

const NATIVE = { live: "active", pending: "pending_delete", deleted: "deleted" };

testRegistry(
  { describe, test },
  {
    name: "http",
    async open() {
      const place = await openPlace({ keys: [KEY] });
      return {
        registry: place.registry,
        now: () => place.now,
        advance: (ms) => void (place.now = new Date(place.now.getTime() + ms)),
        async seed({ id, status, deletedAt = place.now, locations }) {
          const rows = locations.map(({ uri, store, unreadable = false }) => ({
            url: sealed(uri, unreadable ? "another-key-0123" : KEY),
            metadata: { ...(store !== undefined && { store }) },
          }));
          place.addImage(id, NATIVE[status], rows, status === "live" ? null : isoOf(deletedAt));
        },
        async setStatus(imageId, status) {
          const image = place.server.images.get(imageId);
          if (image === undefined) throw new Error(`no image ${imageId}`);
          image.status = NATIVE[status];
          image.deleted = status !== "live";
        },
        async breakBackend() {
          await place.server.stop();
          return () => place.server.start();
        },
        [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
      };
    },
  },
);

const url = "http://127.0.0.1:9191";
const keystone = { authUrl: "http://127.0.0.1:5000/v3", username: "u", password: "hunter2", project: "p" };

testPlugin(
  { describe, test },
  {
    name: "registry-http",
    plugin,
    options: async () => ({ url, keystone, keys: [KEY] }),
    refused: [
      { options: {}, names: "url" },
      { options: { url: "registry:9191" }, names: "url" },
      { options: { url: "http://u:hunter2@h" }, names: "without credentials" },
      { options: { url, token: "t", keystone }, names: "Name one of" },
      { options: { url, token: "line\nbreak" }, names: "token" },
      { options: { url, headers: { "X User": "x" } }, names: "name of a header" },
      { options: { url, keystone: { ...keystone, project: undefined } }, names: "keystone.project" },
      { options: { url, keystone: { ...keystone, region: "x" } }, names: "region" },
      { options: { url, keys: ["short"] }, names: "keys.0" },
    ],
  },
);
