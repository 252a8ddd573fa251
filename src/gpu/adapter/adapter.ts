/** The interface of an adapter provider, for pages and Node alike, and the detection of software adapters. */
import { NoAdapterError } from "../../errors.ts";

/** Awaits pending GPU work, of which `tiny` dispatches are small (see `isSmallDispatch`). */
export type Wait = <T>(promise: Promise<T>, tiny?: number) => Promise<T>;

export interface AdapterRequest {
  /** `auto` takes a GPU, else a software adapter. */
  readonly adapter: "auto" | "gpu" | "software";
  readonly powerPreference?: GPUPowerPreference | undefined;
}

/** `software` is a CPU adapter that is neither lavapipe nor SwiftShader, such as WARP. */
export type AdapterKind = "gpu" | "lavapipe" | "swiftshader" | "software";

export interface AdapterChoice {
  readonly adapter: GPUAdapter;
  readonly kind: AdapterKind;
  readonly name: string;
  /** Must stay referenced as long as anything of the adapter is used: Dawn's instance dies with its wrapper. */
  readonly keepAlive: unknown;
  /** Waits for the adapter's promises, where simply awaiting them costs it speed. */
  readonly wait?: Wait;
}

export function adapterKind(info: GPUAdapterInfo): AdapterKind {
  const text = `${info.architecture} ${info.device} ${info.description}`;
  if (/llvmpipe|lavapipe/i.test(text)) return "lavapipe";
  if (/swiftshader/i.test(text)) return "swiftshader";
  return info.isFallbackAdapter || /basic render|\bwarp\b/i.test(text) ? "software" : "gpu";
}

export function adapterName(info: GPUAdapterInfo): string {
  return (
    info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(" ") || "unnamed adapter"
  );
}

/** The error of a provider that found nothing: what it tried, then what would help. */
export function noAdapter(wanted: string, tried: readonly string[], fixes: readonly string[]): NoAdapterError {
  const list = (lines: readonly string[]) => lines.map((line) => `\n  - ${line}`).join("");
  return new NoAdapterError(
    `init: no WebGPU adapter ('${wanted}' was asked for). Tried:${list(tried)}\nWhat helps:${list(fixes)}`,
  );
}
