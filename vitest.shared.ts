import { defineConfig, type ViteUserConfig } from "vitest/config";

/** The settings that every package's tests share: they run on the sources of their neighbours, without a build. */
const shared: ViteUserConfig = defineConfig({
  ssr: { resolve: { conditions: ["@scrubber/source"] } },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.e2e.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

export default shared;
