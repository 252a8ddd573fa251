/** Asking V8 for a garbage collection. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let known: (() => void) | null | undefined;

/** The function that collects all garbage at once, where the runtime gives one. */
export function garbageCollector(): (() => void) | undefined {
  if (known === undefined) known = (globalThis as { gc?: () => void }).gc ?? exposed() ?? null;
  return known ?? undefined;
}

/** A context made while the flag is set has `gc`; the flag is taken back, so that nothing else of the process sees it. */
function exposed(): (() => void) | undefined {
  try {
    setFlagsFromString("--expose-gc");
    const collect: unknown = runInNewContext("gc");
    setFlagsFromString("--no-expose-gc");
    return typeof collect === "function" ? () => void collect() : undefined;
  } catch {
    return undefined;
  }
}
