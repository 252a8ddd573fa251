/**
 * Lets a garbage collector that cannot be asked see the bytes of a tensor: the handle owns an ArrayBuffer of half their
 * number, which counts as memory outside the heap and is never touched, so that it takes address space alone.
 */
import { garbageCollector } from "#adapter";
import type { GpuBuffer } from "../gpu/buffer-pool.ts";

/** Smaller tensors are garbage enough by their JavaScript objects. */
const LEAST_BYTES = 64 * 1024;
const SHARE = 2;

/** The stand-in of the tensor that owns `buffer` from now on: the one that an earlier owner gave back, or a new one. */
export function standInFor(buffer: GpuBuffer): ArrayBuffer | undefined {
  if (buffer.bytes < LEAST_BYTES || garbageCollector()) return undefined;
  const again = buffer.standIn;
  buffer.standIn = undefined;
  return again ?? reserve(buffer.bytes / SHARE);
}

/** Resizable, since engines map those afresh; others may come from a heap that is cleared by writing to it. */
function reserve(bytes: number): ArrayBuffer | undefined {
  try {
    return new (ArrayBuffer as ResizableConstructor)(bytes, { maxByteLength: bytes });
  } catch {
    return undefined;
  }
}

type ResizableConstructor = new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
