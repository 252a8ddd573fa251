/** The demos site: `npm run demos` serves it, `npm run demos:build` makes `dist/`, a folder for any file server. */
import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";
import { mnistAssets } from "./mnist-assets.ts";

const PAGES = ["index", "init", "norm", "optim", "draw", "bench"];

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  // Relative URLs: the folder may be put anywhere on a server.
  base: "./",
  // The library from its sources, by its own name.
  resolve: { conditions: ["source", ...defaultClientConditions] },
  worker: { format: "es" },
  build: {
    outDir: "dist",
    target: "es2022",
    rolldownOptions: {
      input: PAGES.map((page) => fileURLToPath(new URL(`${page}.html`, import.meta.url))),
    },
  },
  plugins: [mnistAssets()],
});
