/** The adapter provider of pages and workers: the browser's own WebGPU. */
import { type AdapterChoice, type AdapterRequest, adapterKind, adapterName, noAdapter } from "./adapter.ts";

export { load, save } from "../persistent-cache.browser.ts";

/** A page cannot ask for a collection. */
export const garbageCollector = (): (() => void) | undefined => undefined;

/** The destination of debug messages, and their default level. */
export const debugEnvironment = { level: (): unknown => 0, log: (line: string): void => console.log(line) };

export async function requestAdapter(request: AdapterRequest): Promise<AdapterChoice> {
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  const tried: string[] = [];
  if (!gpu) throw noAdapter(request.adapter, ["navigator.gpu: this browser or page has none"], missingFixes());
  for (const forceFallbackAdapter of request.adapter === "software" ? [true] : [false, true]) {
    const what = forceFallbackAdapter ? "the browser's fallback adapter" : "the browser's default adapter";
    if (forceFallbackAdapter && request.adapter === "gpu") break;
    const { powerPreference } = request;
    const adapter = await gpu.requestAdapter({ forceFallbackAdapter, ...(powerPreference && { powerPreference }) });
    if (!adapter) {
      tried.push(`${what}: none`);
      continue;
    }
    const kind = adapterKind(adapter.info);
    const name = adapterName(adapter.info);
    if (request.adapter === "auto" || (request.adapter === "gpu") === (kind === "gpu")) {
      return { adapter, kind, name, keepAlive: gpu };
    }
    tried.push(`${what}: ${name} is ${kind === "gpu" ? "a GPU" : "software"}`);
  }
  throw noAdapter(request.adapter, tried, [
    "look at chrome://gpu (or about:support in Firefox): WebGPU must be listed as enabled",
    "Chrome without a GPU: start it with --enable-unsafe-webgpu",
  ]);
}

function missingFixes(): string[] {
  const secure = globalThis.isSecureContext;
  return [
    ...(secure ? [] : ["serve the page over https or from localhost: WebGPU exists in secure contexts only"]),
    "use Chrome or Edge 113 or newer, Firefox 141 or newer, or Safari 26 or newer",
    "Chrome on Linux may need --enable-unsafe-webgpu",
  ];
}
