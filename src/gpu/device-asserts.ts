/**
 * Faults that kernels find in values that only the GPU sees, such as a label out of range. A kernel writes a code
 * and up to three numbers; every read of a tensor brings them along and throws.
 */
import { ArgumentError, type GradwellError } from "../errors.ts";
import { type BufferPool, type BufferSlice, noteUse } from "./buffer-pool.ts";
import type { CommandRecorder } from "./command-recorder.ts";

interface Kind {
  readonly describe: (first: number, second: number, third: number) => string;
  readonly Class: new (message: string) => GradwellError;
}

const kinds: Kind[] = [];

/** Registers a kind of fault; the result is the code that a kernel writes in word 0, beside up to three numbers for the message. */
/* @__NO_SIDE_EFFECTS__ */
export function defineDeviceAssert(describe: Kind["describe"], Class: Kind["Class"] = ArgumentError): number {
  return kinds.push({ describe, Class });
}

/** Bytes that a read takes along. */
export const FAULT_BYTES = 16;

export class DeviceAsserts {
  readonly #pool: BufferPool;
  readonly #recorder: CommandRecorder;
  #slice: BufferSlice | undefined;

  constructor(pool: BufferPool, recorder: CommandRecorder) {
    this.#pool = pool;
    this.#recorder = recorder;
  }

  /** For kernels: array<i32> of code, first, second, third. Which of several faults is kept is open. */
  get binding(): BufferSlice {
    if (!this.#slice) {
      const buffer = this.#pool.acquire(FAULT_BYTES, () => "faults");
      this.#pool.uncount(buffer);
      this.#slice = { buffer, offset: 0, size: FAULT_BYTES };
      this.#clear();
    }
    return this.#slice;
  }

  /** Records the copy of the fault words to `at`; false when no kernel could have written any. */
  copyTo(staging: GPUBuffer, at: number): boolean {
    if (!this.#slice) return false;
    this.#recorder.encoder().copyBufferToBuffer(this.#slice.buffer.gpu, 0, staging, at, FAULT_BYTES);
    noteUse(this.#slice.buffer, this.#recorder.submitIndex);
    return true;
  }

  /** Throws what the copied words say, once. */
  throwIfAny([code = 0, first = 0, second = 0, third = 0]: Int32Array): void {
    const kind = kinds[code - 1];
    if (!kind) return;
    this.#clear();
    throw new kind.Class(kind.describe(first, second, third));
  }

  #clear(): void {
    if (this.#slice) this.#recorder.upload(this.#slice, new Int32Array(FAULT_BYTES / 4));
  }
}
