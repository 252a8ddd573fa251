import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { runtimeOf } from "../../src/gpu/device.ts";
import { VERSION } from "../../src/gpu/version.ts";
import { type Device, type InitOptions, init, matmul, randn, tune } from "../../src/index.ts";
import { choose, kernels } from "../../src/kernels/matmul/select.ts";

const cache = mkdtempSync(join(tmpdir(), "gradwell-tuning-"));
const before = process.env.XDG_CACHE_HOME;
beforeAll(() => {
  process.env.XDG_CACHE_HOME = cache;
});
afterAll(() => {
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
  rmSync(cache, { recursive: true });
});

const SHAPE = "matmul 24x36x20 nn";
const product = () => matmul(randn([24, 36]), randn([36, 20]));

async function withDevice<T>(options: InitOptions, fn: (device: Device) => T | Promise<T>): Promise<T> {
  const device = await init(options);
  try {
    return await fn(device);
  } finally {
    await device.close();
  }
}

it("tune() times every kernel that supports a matmul, and takes the fastest", async () => {
  await withDevice({ tuning: false }, async () => {
    const { shapes, remembered } = await tune(product);
    expect(remembered).toBe(true);
    expect(shapes.map(({ shape }) => shape)).toEqual([SHAPE]);
    const [{ before, after, milliseconds }] = shapes as [(typeof shapes)[0]];
    expect(Object.keys(milliseconds).length).toBeGreaterThan(1);
    expect(milliseconds[after]).toBe(
      after === before ? milliseconds[before] : Math.min(...Object.values(milliseconds)),
    );
  });
});

it("a matmul uses the measured choice, with the same result to rounding, and the table where no kernel has that name", async () => {
  await withDevice({ tuning: false }, async (device) => {
    const [a, b] = [randn([24, 36]), randn([36, 20])];
    const usual = await matmul(a, b).data();
    runtimeOf(device).tuning.choices.set(SHAPE, { variant: "register", splits: 2 });
    runtimeOf(device).tuning.choices.set("matmul 5x36x20 nn", { variant: "of another version" });
    const labels: string[] = [];
    const { dispatch } = runtimeOf(device).recorder;
    runtimeOf(device).recorder.dispatch = (kernel, ...rest) => {
      labels.push(kernel.label);
      return dispatch.call(runtimeOf(device).recorder, kernel, ...rest);
    };
    const tuned = await matmul(a, b).data();
    expect(labels).toEqual(["matmul_register_vec4", "matmul_reduce"]);
    for (const [i, value] of tuned.entries()) expect(value).toBeCloseTo(usual[i] as number, 4);
    const { variant } = choose(device, { M: 6, N: 20, K: 36 });
    await matmul(randn([5, 36]), b).data();
    expect(labels.at(-1)).toContain(kernels[variant].shader.name);
  });
});

it("choices persist for the same adapter, unless tuning is off", async () => {
  await withDevice({ tuning: false }, async (device) => {
    runtimeOf(device).tuning.choices.set(SHAPE, { variant: "register" });
    expect(await runtimeOf(device).tuning.save()).toBe(true);
  });
  expect(await withDevice({}, (device) => runtimeOf(device).tuning.choices.get(SHAPE))).toEqual({
    variant: "register",
  });
  expect(await withDevice({ tuning: false }, (device) => runtimeOf(device).tuning.choices.size)).toBe(0);
});

it("a truncated file counts as none", async () => {
  const folder = join(cache, "gradwell", "tuning");
  for (const file of readdirSync(folder)) writeFileSync(join(folder, file), '{"matmul');
  expect(await withDevice({}, (device) => runtimeOf(device).tuning.choices.size)).toBe(0);
});

it("choices persist per version of the package", () => {
  expect(VERSION).toBe(packageJson.version);
});
