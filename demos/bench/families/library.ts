/** A library that trains families; each runs in a process of its own. */
import type { AdapterKind } from "../../../src/gpu/adapter/adapter.ts";
import type { Family } from "./families.ts";
import type { FamilyData } from "./file.ts";

export const FAMILY_LIBRARIES = ["gradwell", "tfjs-webgpu", "jax-webgpu", "jax-wasm", "torch-cpu"] as const;
export type FamilyLibraryName = (typeof FAMILY_LIBRARIES)[number];

export interface FamilyRunning {
  /** Records or does one training step; need not wait for the GPU. */
  step(): void;
  /** Resolves when all steps so far are done. */
  sync(): Promise<void>;
  /** The loss of the last step. */
  loss(): Promise<number>;
  /** The network's output for the first `batch` examples, on the host. */
  infer(batch: number): Promise<ArrayLike<number>>;
  /** Bytes that one step's dispatches move, as declared by their kernels; only gradwell tells. */
  bytes?(): Promise<number>;
  dispose(): void;
}

export interface FamilyLibrary {
  readonly version?: string;
  /** The name of the adapter it runs on. */
  readonly device: string;
  /** The kind of that adapter; only gradwell reports it. */
  readonly kind?: AdapterKind;
  /** Writes the file of a family's parameters and data; only gradwell does. */
  write?(family: Family): Promise<Uint8Array>;
  prepare(family: Family, data: FamilyData): Promise<FamilyRunning>;
  close(): Promise<void>;
}

/** Loads a library. Everything that a program must do before its first operation happens here. */
export async function openFamilyLibrary(name: FamilyLibraryName): Promise<FamilyLibrary> {
  switch (name) {
    case "gradwell":
      return (await import("./gradwell.ts")).open();
    case "tfjs-webgpu":
      return (await import("./tfjs.ts")).open();
    case "jax-webgpu":
      return (await import("./jax.ts")).open("webgpu");
    case "jax-wasm":
      return (await import("./jax.ts")).open("wasm");
    case "torch-cpu":
      throw new Error("PyTorch runs in Python: torch_child.py");
  }
}
