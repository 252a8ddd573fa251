import { afterAll, beforeAll, expect, it } from "vitest";
import { create } from "webgpu";
import { reflect } from "../../src/gpu/reflect.ts";
import { optimizerLibrary } from "../../src/gpu/shaders.generated.ts";
import { formulaKernel } from "../../src/optim/update-formula.ts";
import { allShaders, packedLibrary, packedOptimizerLibrary, packedShaders } from "../support/shaders.ts";

const formula = formulaKernel({
  name: "a user's optimizer",
  defaults: { lr: 1, weightDecay: 0 },
  stateBuffers: [{ name: "m" }],
  biasCorrections: () => ({ c: 0.9 }),
  update: "m += grad; value -= lr * m / c;",
}).shader.code;

// Dawn's null backend compiles and validates with no driver at all. Collected, its object would crash the process.
const gpu = create(["backend=null"]);
let device: GPUDevice;
beforeAll(async () => {
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("Dawn's null backend gave no adapter");
  const wanted = ["shader-f16", "subgroups"] as GPUFeatureName[];
  device = await adapter.requestDevice({ requiredFeatures: wanted.filter((name) => adapter.features.has(name)) });
});
afterAll(() => device.destroy());

it.each(allShaders)("$name compiles on a device with default limits", async ({ code, entry, overrides }) => {
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ code });
  const { messages } = await module.getCompilationInfo();
  expect(messages.map(({ message, lineNum }) => `line ${lineNum}: ${message}`)).toEqual([]);
  // Overrides without a default are given by the caller; 1 is within every range.
  const given = overrides.filter((o) => o.default === undefined && !o.computed);
  const constants = Object.fromEntries(given.map((o) => [o.name, 1]));
  device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: entry, constants } });
  expect((await device.popErrorScope())?.message).toBeUndefined();
});

it.each([
  ...packedShaders,
  { name: "the library", packed: `${packedLibrary}\n@compute @workgroup_size(1) fn main() {}` },
  { name: "a user-defined optimizer", packed: formula.replace(optimizerLibrary, packedOptimizerLibrary) },
])("$name compiles as it is packaged", async ({ packed }) => {
  const { messages } = await device.createShaderModule({ code: packed }).getCompilationInfo();
  expect(messages.map(({ message }) => message)).toEqual([]);
});

it.each(allShaders)("$name follows the naming conventions", ({ name, code, cost, bindings, overrides, ...rest }) => {
  expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  expect(rest.entry).toBe("main");
  expect(rest.paramsBinding ?? 0).toBe(0);
  expect(bindings.length).toBeLessThanOrEqual(8);
  for (const binding of bindings) expect(binding.name).toMatch(/^[a-z][A-Za-z0-9]*$/);
  for (const override of overrides) expect(override.name).toMatch(/^[A-Z][A-Z0-9_]*$/);
  for (const declared of Object.values(cost ?? {})) expect(declared).toBeTypeOf("function");
  expect({ bindings, overrides, ...rest }).toEqual(reflect(code));
});
