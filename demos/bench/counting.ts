/** Counts what a library asks of WebGPU, the same way for all of them: at the methods of Dawn's own classes. */
import { globals } from "webgpu";

export interface Counts {
  dispatches: number;
  submits: number;
}

type Method = (...args: unknown[]) => unknown;

export async function counted(fn: () => Promise<void>): Promise<Counts> {
  const counts = { dispatches: 0, submits: 0 };
  const { GPUComputePassEncoder: pass, GPUQueue: queue } = globals as unknown as Record<
    string,
    { prototype: Record<string, Method> }
  >;
  const restore = [
    wrap(pass, "dispatchWorkgroups", () => counts.dispatches++),
    wrap(pass, "dispatchWorkgroupsIndirect", () => counts.dispatches++),
    wrap(queue, "submit", () => counts.submits++),
  ];
  try {
    await fn();
  } finally {
    for (const one of restore) one();
  }
  return counts;
}

function wrap(owner: { prototype: Record<string, Method> } | undefined, name: string, tell: () => void): () => void {
  const { prototype } = owner as { prototype: Record<string, Method> };
  const original = prototype[name] as Method;
  prototype[name] = function (this: unknown, ...args) {
    tell();
    return original.apply(this, args);
  };
  return () => {
    prototype[name] = original;
  };
}
