import { playwright } from "@vitest/browser-playwright";
import { defaultClientConditions, defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";
import { chromium } from "./test/support/chromium.ts";

/** Folders whose tests run in both: what they import must not know Node. */
const rooms = ["autograd", "capture", "nn", "ops", "optim", "tensor", "testing"];
/** Slow, and made of operations that the others have tested there. */
const slowRooms = process.env.GRADWELL_TEST_ALL === "1" ? ["curvature", "properties"] : [];
const inBoth = [...rooms, ...slowRooms].map((room) => `test/${room}/**/*.test.ts`);

/** Tests of rooms that run in both which compare with the text of shaders on disk. */
const readFiles = ["ops/activations", "optim/chunk-table"].map((file) => `test/${file}.test.ts`);

/** Minutes on SwiftShader, which Chromium has: thousands of kernels, each compiled anew. Node runs them. */
const tooSlowForPages =
  process.env.GRADWELL_TEST_ALL === "1"
    ? []
    : ["capture/fuse", "capture/random", "ops/special-values", "ops/accuracy", "tensor/public-type"].map(
        (file) => `test/${file}.test.ts`,
      );

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
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        resolve: { alias, conditions: ["source", ...defaultServerConditions] },
        ssr: { resolve: { conditions: ["source", ...defaultServerConditions] } },
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/browser/**", "test/package/**"],
          pool: "forks",
        },
      },
      {
        extends: true,
        test: {
          name: "package",
          include: ["test/package/**/*.test.ts"],
          globalSetup: "test/package/setup.ts",
          pool: "forks",
        },
      },
      {
        extends: true,
        resolve: { alias, conditions: ["source", ...defaultClientConditions] },
        define: { "process.env.GRADWELL_TEST_ALL": JSON.stringify(process.env.GRADWELL_TEST_ALL ?? "") },
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts", "test/gpu/profiler.test.ts", ...inBoth],
          exclude: ["test/browser/e2e/**", ...readFiles, ...tooSlowForPages],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: chromium() }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/browser/e2e/**/*.test.ts"],
          // Much happens in each; where nothing else runs they take a few seconds.
          testTimeout: 180_000,
          globalSetup: "test/browser/e2e/setup.ts",
          // One page at a time, after all other tests: the main thread's tasks are measured here.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
          expect: { poll: { timeout: 15_000, interval: 50 } },
        },
      },
    ],
  },
});
