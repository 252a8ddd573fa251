import { playwright } from "@vitest/browser-playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { chromium } from "./test/support/chromium.ts";

/** Test files that run in both: what they import must not know Node. */
const inBoth: string[] = [];

/** The package by its own name, as its users see it. */
const alias = {
  "gradwell/testing": new URL("./src/testing/index.ts", import.meta.url).pathname,
  gradwell: new URL("./src/index.ts", import.meta.url).pathname,
};

export default defineConfig({
  test: {
    // Two: each worker's software adapter already uses every core.
    maxWorkers: 2,
    // Compiling a large kernel takes SwiftShader seconds.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        resolve: { alias, conditions: ["source", ...defaultServerConditions] },
        ssr: { resolve: { conditions: ["source", ...defaultServerConditions] } },
        test: { name: "node", include: ["test/**/*.test.ts"], exclude: ["test/browser/**"], pool: "forks" },
      },
      {
        extends: true,
        resolve: { alias, conditions: ["source", ...defaultClientConditions] },
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts", ...inBoth],
          exclude: ["test/browser/e2e/**"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromium() }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
