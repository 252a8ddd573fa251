/** Debug levels: what each logs, where it is set, and that nothing is logged without. */

import { afterEach, expect, it, vi } from "vitest";
import { runtimeOf } from "../../src/gpu/device.ts";
import { capture, init, nn, randn, type Tensor, tensor } from "../../src/index.ts";
import { assertNoGpuErrors } from "../support/device.ts";

const lines: string[] = [];
vi.spyOn(console, "error").mockImplementation((line: string) => void lines.push(line));
afterEach(() => {
  lines.length = 0;
  vi.unstubAllEnvs();
});

type Level = 0 | 1 | 2 | 3;

/** Lines of a multiplication, a captured one twice, and a read, on a separate device. */
async function linesAt(debug?: Level): Promise<string[]> {
  const device = await init(debug === undefined ? {} : { debug });
  const [x, weight] = [tensor([[1, 2, 3]]), tensor([[1, 1, 1]])];
  expect(await nn.linear(x, weight).item()).toBe(6);
  const double = capture((y: Tensor) => y.mul(2));
  double(x);
  expect(await double(x).tolist()).toEqual([[2, 4, 6]]);
  await assertNoGpuErrors(device);
  await device.close();
  return [...lines];
}

it("level 0, the default, logs nothing", async () => {
  expect(await linesAt()).toEqual([]);
  expect(await linesAt(0)).toEqual([]);
});

it("level 1 logs each submit, its dispatches and the host's time", async () => {
  const lines = await linesAt(1);
  expect(lines.length).toBeGreaterThanOrEqual(2);
  for (const line of lines) expect(line).toMatch(/^gradwell: submit \d+: \d+ dispatches, \d+ us on the host$/);
  const dispatches = lines.map((line) => Number(/(\d+) dispatches/.exec(line)?.[1]));
  expect(dispatches.reduce((sum, count) => sum + count, 0)).toBe(3);
});

it("level 2 logs each dispatch, eager and replayed, with operation and shapes", async () => {
  const lines = await linesAt(2);
  expect(lines.find((line) => line.includes("matmul"))).toMatch(
    /on 1x1x1 workgroups in linear of \[1,3\], \[1,3\].*; bytes: /,
  );
  expect(lines.filter((line) => line.includes("mul on") && !line.includes("replay"))).toHaveLength(1);
  expect(lines.filter((line) => /mul on .* in a replay/.test(line))).toHaveLength(1);
  expect(lines.join()).not.toContain("@compute");
});

it("level 3 logs the WGSL of each pipeline once", async () => {
  const lines = await linesAt(3);
  expect(lines.filter((line) => /^gradwell: pipeline mul .*\n.*@compute/s.test(line))).toHaveLength(1);
});

it("the level comes from the environment where the program does not set it", async () => {
  vi.stubEnv("GRADWELL_DEBUG", "1");
  expect((await linesAt()).length).toBeGreaterThan(0);
  lines.length = 0;
  expect(await linesAt(0)).toEqual([]);
});

it("other levels are refused, wherever they come from", async () => {
  await expect(init({ debug: 4 as Level })).rejects.toThrow("argument 'debug' expected 0, 1, 2 or 3, got 4");
  vi.stubEnv("GRADWELL_DEBUG", "all");
  await expect(init()).rejects.toThrow("argument 'GRADWELL_DEBUG' expected 0, 1, 2 or 3, got 'all'");
});

it("logging adds no dispatch and changes no bit", async () => {
  const values = [];
  for (const debug of [0, 2] as const) {
    const device = await init({ debug, seed: 4 });
    values.push(await randn([8]).exp().tolist(), runtimeOf(device).recorder.dispatchCount);
    await device.close();
  }
  expect(values.slice(2)).toEqual(values.slice(0, 2));
});
