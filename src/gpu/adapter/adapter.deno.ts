/** The adapter provider of Deno: its own WebGPU (wgpu), else that of Node, which Deno runs as well. */

import * as own from "./adapter.browser.ts";
import * as node from "./adapter.node.ts";
import type { AdapterChoice, AdapterRequest } from "./adapter.ts";

// Deno keeps its collector to itself, as pages do.
export { garbageCollector } from "./adapter.browser.ts";
export { debugEnvironment, load, save } from "./adapter.node.ts";

export async function requestAdapter({ adapter, ...request }: AdapterRequest): Promise<AdapterChoice> {
  const wanted = node.wantedAdapter(adapter);
  // Only Node's provider chooses among drivers by name.
  if (wanted !== "lavapipe" && wanted !== "swiftshader" && globalThis.navigator?.gpu) {
    const found = await own.requestAdapter({ ...request, adapter: wanted }).catch(() => undefined);
    if (found) return found;
  }
  return node.requestAdapter({ ...request, adapter });
}
