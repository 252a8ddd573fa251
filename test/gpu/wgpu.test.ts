/** The other implementation of WebGPU: wgpu and naga, which Firefox has, as Deno brings them. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { softwareFolder } from "../../src/gpu/adapter/adapter.node.ts";
import { requestedPipelines } from "../support/requested-pipelines.ts";
import { type Ended, runIn } from "../support/runtimes.ts";

const program = fileURLToPath(new URL("../support/create-pipelines.ts", import.meta.url));

/** On this machine's drivers, else on the SwiftShader that comes along. */
async function createAll(file: string): Promise<Ended> {
  const ended = await runIn("deno", [program, file]);
  if (!/gives no adapter/.test(ended.stderr)) return ended;
  const folder = softwareFolder();
  const env = { VK_DRIVER_FILES: join(folder, "vk_swiftshader_icd.json"), LD_LIBRARY_PATH: folder };
  return runIn("deno", [program, file], { env });
}

it("wgpu creates every pipeline that GPUs, default limits and absent features lead to", async () => {
  const requests = await requestedPipelines();
  // What GPUs run: without it the list would not be worth its name.
  const names = new Set(requests.map(({ shader }) => shader.name));
  for (const name of [
    "matmul_tile",
    "matmul_tile_vec4",
    "matmul_tile_large",
    "matmul_reduce",
    "conv_tile",
    "conv_tile_weight",
  ])
    expect(names).toContain(name);
  const tiles = requests.filter(({ shader }) => shader.name === "matmul_tile").map(({ overrides }) => overrides.ROWS);
  expect(tiles).toEqual(expect.arrayContaining([undefined, 32]));
  const folder = mkdtempSync(join(tmpdir(), "gradwell-wgpu-"));
  try {
    const file = join(folder, "pipelines.json");
    writeFileSync(file, JSON.stringify(requests));
    const { stdout, stderr, failed } = await createAll(file);
    const lines = stdout.trim().split("\n");
    if (failed) expect.fail(`Deno ended while ${lines.at(-1) || "starting"}:\n${stderr.slice(-2000)}`);
    const { created, failures, adapter } = JSON.parse(lines.at(-1) as string);
    expect(failures).toEqual([]);
    // SwiftShader knows no f16.
    const least = requests.filter(({ shader }) => shader.enables.length === 0).length;
    expect(created, adapter).toBeGreaterThanOrEqual(least);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
