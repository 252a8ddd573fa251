/** The interface of a library under test. libraries/ has one module per library; each runs in a separate process. */
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import type { Arrays, Work } from "./work.ts";

export const LIBRARIES = ["gradwell", "tfjs-webgpu", "jax-webgpu", "tfjs-wasm", "jax-wasm"] as const;
export type LibraryName = (typeof LIBRARIES)[number];

/** Work on one input, ready to be run any number of times. */
export interface Running {
  /** Records or does the work once; need not wait for the GPU. */
  run(): void;
  /** Resolves when all runs so far are done. */
  sync(): Promise<void>;
  /** Values of the last run (or of the state that the runs changed), under the names of reference.ts. */
  results(): Promise<Record<string, Float32Array>>;
  dispose(): void;
}

export interface Library {
  readonly version?: string;
  /** The name of the adapter it runs on. */
  readonly device: string;
  /** The kind of that adapter; only gradwell reports it. */
  readonly kind?: AdapterKind;
  prepare(work: Work, inputs: Arrays): Promise<Running>;
  /** Measured limits of the adapter; only gradwell knows them. */
  limits?(): Promise<{ gflops: number; gbps: number }>;
  close(): Promise<void>;
}

/** Thrown by `prepare` for work that a library cannot do, or has no idiomatic form for. */
export class Unsupported extends Error {}
