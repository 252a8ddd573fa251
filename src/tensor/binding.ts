/** The memory of a tensor as kernels bind it. */
import type { BufferSlice } from "../gpu/buffer-pool.ts";
import { setMemoryOf } from "../gpu/user-kernel.ts";
import { bytesOf } from "./storage.ts";
import { assertReadable, storageOf, Tensor } from "./tensor.ts";

/** Returns the bytes of a contiguous tensor, for a kernel. */
export function bindingOf(tensor: Tensor): BufferSlice {
  const bytes = bytesOf(tensor.dtype);
  return storageOf(tensor).slice(tensor.offset * bytes, tensor.size * bytes);
}

/** Returns the whole storage, for kernels that index by offset and strides. */
export function wholeBindingOf(tensor: Tensor): BufferSlice {
  const storage = storageOf(tensor);
  return storage.slice(0, storage.bytes);
}

/** True if the words after the last element, up to the next 16 bytes, belong to this tensor alone. */
export function ownsPadding(tensor: Tensor): boolean {
  const bytes = tensor.size * bytesOf(tensor.dtype);
  return (bytes > 0 && bytes % 16 === 0) || bytes === storageOf(tensor).bytes;
}

// For kernels of the program's own: their file knows nothing of tensors.
setMemoryOf((value) =>
  value instanceof Tensor
    ? {
        binding: () => bindingOf(value),
        ownsPadding: () => ownsPadding(value),
        assertReadable: (op) => assertReadable(value, op),
      }
    : undefined,
);
