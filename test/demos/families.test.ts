import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FAMILY_AIMS } from "../../demos/bench/families/aims.ts";
import { FAMILIES } from "../../demos/bench/families/families.ts";
import { type FamiliesResult, ratioTo, verdictsOf } from "../../demos/bench/families/results.ts";
import { text } from "../../demos/bench/families/tables.ts";
import { parseOptions } from "../../demos/bench/options.ts";
import { BENCHMARKS_PAGE, benchmarksPage } from "../../scripts/families-page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

const spread = (median: number) => ({ median, low: median, high: median, samples: 3 });
const measured = (step: number) => ({ step: spread(step), infer: { 1: spread(1), 64: spread(2) }, losses: [1, 1, 1] });

function resultOf(outcomes: FamiliesResult["families"][number]["outcomes"]): FamiliesResult {
  const family = { name: "mlp", title: "MLP", tolerance: 1e-3, outcomes };
  const machine = { date: "2026-01-01", adapter: "an adapter", kind: "lavapipe" as const, machine: "m", node: "20" };
  return { ...machine, versions: {}, skipped: ["PyTorch is skipped"], quick: true, families: [family] };
}

describe("families", () => {
  test("each has its aims", () => {
    expect(FAMILIES.map(({ name }) => name)).toEqual(Object.keys(FAMILY_AIMS));
  });

  test("the ratio is that of the fastest peer that was measured", () => {
    const outcomes = { gradwell: measured(2), "tfjs-webgpu": measured(30), "jax-webgpu": measured(20) };
    expect(ratioTo(outcomes, ["tfjs-webgpu", "jax-webgpu"])).toMatchObject({ value: 10, peer: "jax-webgpu" });
    expect(ratioTo(outcomes, ["torch-cpu"])).toBeUndefined();
    const [family] = resultOf(outcomes).families;
    expect(family && verdictsOf(family, "lavapipe")).toContain("WebGPU ≥ 12x MISSED");
    expect(family && verdictsOf(family, "gpu")).toEqual([]);
  });

  test("tables say what failed and what was skipped", () => {
    const said = text(resultOf({ gradwell: measured(2), "jax-wasm": { failed: "no conv" } }));
    expect(said).toContain("PyTorch is skipped");
    expect(said).toContain("mlp, jax-wasm: no conv");
  });

  test("a family that does not exist is named", () => {
    expect(() => parseOptions(["--families", "--only", "mpl"], "")).toThrow("'mpl' is none of");
    expect(() => parseOptions(["--only", "mlp"], "")).toThrow("goes with --families");
  });

  test("docs/benchmarks.md is what `npm run docs` would write", () => {
    expect(readFileSync(BENCHMARKS_PAGE, "utf8")).toBe(benchmarksPage());
  });

  test("a step of one family runs, and its dispatches are counted", () => {
    const args = ["--families", "--only", "mlp", "--peers", "none", "--quick", "--out"];
    const folder = mkdtempSync(join(tmpdir(), "gradwell-families-test-"));
    const program = ["--import", "tsx", "-C", "source", "demos/bench/main.ts", ...args, folder];
    execFileSync(process.execPath, program, { cwd: root, stdio: "pipe" });
    const file = readdirSync(folder).find((name) => name.endsWith("-families.json"));
    const result = JSON.parse(readFileSync(join(folder, file ?? ""), "utf8")) as FamiliesResult;
    rmSync(folder, { recursive: true });
    const ours = result.families[0]?.outcomes.gradwell;
    expect(ours).toMatchObject({ losses: [expect.any(Number), expect.any(Number), expect.any(Number)] });
    expect(ours && "counts" in ours && ours.counts?.submits).toBe(1);
  });
});
