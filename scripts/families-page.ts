/** Writes the families' section of docs/benchmarks.md from the results that are committed. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withFamilies } from "../demos/bench/families/page.ts";

export const BENCHMARKS_PAGE = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));
const RESULTS = fileURLToPath(new URL("../demos/bench/results", import.meta.url));

export const benchmarksPage = (): string => withFamilies(readFileSync(BENCHMARKS_PAGE, "utf8"), RESULTS);

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(BENCHMARKS_PAGE, benchmarksPage());
