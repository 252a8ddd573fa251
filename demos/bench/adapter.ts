/** WebGPU for libraries that look for a browser's: `navigator.gpu` on the adapter that gradwell would take. */
import { availableParallelism } from "node:os";
import { globals } from "webgpu";
import { requestAdapter } from "../../src/gpu/adapter/adapter.node.ts";

/** The name of the adapter is known once the library has asked for it. */
export function installWebGpu(): () => string {
  Object.assign(globalThis, globals);
  let name = "none yet";
  const instances: unknown[] = [];
  const gpu = {
    // An adapter gives one device only, so each request finds a fresh one.
    async requestAdapter(): Promise<GPUAdapter> {
      const choice = await requestAdapter({ adapter: "auto" });
      instances.push(choice.keepAlive);
      name = choice.name;
      return choice.adapter;
    },
    getPreferredCanvasFormat: () => "bgra8unorm",
    wgslLanguageFeatures: new Set<string>(),
  };
  const value = { gpu, userAgent: `Node ${process.version}`, hardwareConcurrency: availableParallelism() };
  Object.defineProperty(globalThis, "navigator", { value, configurable: true });
  return () => name;
}

export const CPU = "CPU (WebAssembly)";
