/** The cases by name, and what is aimed at for each. */
import type { AdapterKind } from "../../src/gpu/adapter/adapter.ts";
import type { Work } from "./work.ts";

/** Per kind of adapter; none where nothing is aimed at. */
type PerAdapter = Partial<Record<AdapterKind, number>>;

export interface Aims {
  /** Time of the best WebGPU peer over ours, at least. */
  ratio?: PerAdapter;
  /** Our time in the case's unit, at most. */
  atMost?: PerAdapter;
  /** Percent of the adapter's measured limit, at least. */
  percent?: PerAdapter;
  /** Not slower than any peer on the CPU by WebAssembly. */
  noSlowerThanWasm?: readonly AdapterKind[];
}

export interface Case {
  id: string;
  title: string;
  unit: "ms" | "us" | "MiB" | "KiB" | "%";
  /** The work; absent for cases that need a fresh process. */
  work?: Work;
  aims: Aims;
  /** Too large for software adapters. */
  gpuOnly?: boolean;
  /** True when the peers' WebAssembly backends take part. */
  wasm?: boolean;
}

export const MLP: Work = { kind: "mlp", widths: [784, 256, 128, 10], batch: 128 };
export const STEP_AIMS = { dispatches: 10, submits: 1 };

const MATMUL: Aims = { ratio: { lavapipe: 6, swiftshader: 1.5 } };
const NORM: Aims = { ratio: { lavapipe: 5, swiftshader: 2 }, percent: { gpu: 80 } };

function product(m: number, n: number, k: number, form: "nn" | "tn" | "nt" = "nn", large = false): Case {
  const size = m === n && n === k ? `${m}` : `${m}x${k}x${n}`;
  const name = { nn: "", tn: " A^T B", nt: " A B^T" }[form];
  const id = `matmul-${form === "nn" ? "" : `${form}-`}${size}`;
  const aims = large ? { percent: { gpu: 60 } } : MATMUL;
  return {
    id,
    title: `matmul${name} ${size}`,
    unit: "ms",
    work: { kind: "matmul", form, m, n, k },
    aims,
    gpuOnly: large,
  };
}

function norm(kind: "layerNorm" | "batchNorm", shape: number[], gpuOnly = false): Case {
  const [id, name] = kind === "layerNorm" ? ["layer-norm", "layer norm"] : ["batch-norm", "batch norm"];
  const title = `${name} fwd+bwd [${shape.join(", ")}]`;
  return { id: `${id}-${shape.join("x")}`, title, unit: "ms", work: { kind, shape }, aims: NORM, gpuOnly };
}

function crossEntropy(rows: number, classes: number, aims: Aims = {}): Case {
  const title = `softmax CE fwd+bwd [${rows}, ${classes}]`;
  return {
    id: `cross-entropy-${rows}x${classes}`,
    title,
    unit: "ms",
    work: { kind: "crossEntropy", rows, classes },
    aims,
  };
}

function adam(tensors: number, size: number, name: string, ratio: PerAdapter, gpuOnly = false): Case {
  const aims = { ratio, percent: { gpu: 85 } };
  return {
    id: `adam-${name}`,
    title: `Adam ${name} parameters`,
    unit: "ms",
    work: { kind: "adam", tensors, size },
    aims,
    gpuOnly,
  };
}

export const CASES: readonly Case[] = [
  product(256, 256, 256),
  product(512, 512, 512),
  product(1024, 1024, 1024),
  product(535, 129, 1023),
  product(2048, 2048, 2048, "nn", true),
  product(4096, 4096, 4096, "nn", true),
  product(128, 512, 784),
  product(784, 512, 128, "tn"),
  product(128, 784, 512, "nt"),
  norm("layerNorm", [4096, 768]),
  norm("layerNorm", [16384, 4096], true),
  norm("batchNorm", [4096, 256]),
  norm("batchNorm", [32, 64, 28, 28]),
  norm("batchNorm", [256, 128, 56, 56], true),
  crossEntropy(4096, 1000, { ratio: { lavapipe: 4, swiftshader: 2 } }),
  crossEntropy(128, 10),
  adam(1, 1_000_000, "1e6", { lavapipe: 4, swiftshader: 3 }),
  adam(100, 10_000, "100x1e4", { lavapipe: 25, swiftshader: 10 }),
  adam(1, 30_000_000, "3e7", {}, true),
  {
    id: "mlp",
    title: "MLP 784-256-128-10 step, batch 128",
    unit: "ms",
    work: MLP,
    aims: { ratio: { lavapipe: 5, swiftshader: 2 }, noSlowerThanWasm: ["lavapipe"] },
    wasm: true,
  },
  {
    id: "mlp-tuned",
    title: "the same step, its products tuned",
    unit: "ms",
    work: { ...MLP, tuned: true },
    aims: {},
  },
  { id: "mlp-eager", title: "the same step, eager", unit: "ms", work: { ...MLP, eager: true }, aims: {} },
  {
    id: "add",
    title: "add [16], eager, per op",
    unit: "us",
    work: { kind: "add", size: 16, repeats: 256 },
    aims: { atMost: { gpu: 15, lavapipe: 15, swiftshader: 15 } },
  },
  {
    id: "add-raw",
    title: "the same, bare WebGPU loop",
    unit: "us",
    work: { kind: "add", size: 16, repeats: 256, raw: true },
    aims: {},
  },
  {
    id: "first-step",
    title: "import to first MLP step, cold",
    unit: "ms",
    aims: { atMost: { lavapipe: 1500, swiftshader: 600 } },
  },
  { id: "memory", title: "peak memory of the MLP run", unit: "MiB", aims: {} },
  {
    id: "steady",
    title: "10,000 captured steps: the last thousand slower than the second by",
    unit: "%",
    aims: { atMost: { gpu: 5, lavapipe: 5, swiftshader: 5 } },
  },
  { id: "steady-heap", title: "JS heap grown meanwhile", unit: "KiB", aims: {} },
];
