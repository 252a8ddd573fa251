/** Run in Deno: creates every pipeline of a JSON file on its WebGPU, which is wgpu, and names the one that it fails at. */
import { readFileSync } from "node:fs";
import { ComputeKernel } from "../../src/gpu/compute-kernel.ts";
import type { PipelineRequest } from "./requested-pipelines.ts";

const requests = JSON.parse(readFileSync(process.argv[2] as string, "utf8")) as PipelineRequest[];
const adapter = await navigator.gpu?.requestAdapter();
if (!adapter) throw new Error("navigator.gpu of this Deno gives no adapter");
const limits = [
  "maxComputeInvocationsPerWorkgroup",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupSizeX",
] as const;
const device = await adapter.requestDevice({
  requiredFeatures: ["shader-f16"].filter((name) => adapter.features.has(name)) as GPUFeatureName[],
  requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
});
const failures: string[] = [];
let created = 0;
for (const { shader, overrides } of requests) {
  if (shader.enables.some((name) => !device.features.has(`shader-${name}`))) continue;
  const what = `${shader.name} ${JSON.stringify(overrides)}`;
  // Reported beforehand: a panic of naga ends the process.
  console.log(`creating ${what}`);
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: shader.name, code: shader.code });
  void new ComputeKernel(device, shader, overrides, module).pipeline;
  const error = await device.popErrorScope();
  if (error) failures.push(`${what}: ${error.message}`);
  else created++;
}
console.log(JSON.stringify({ adapter: adapter.info.description, created, failures }));
device.destroy();
