/** Reads what test/golden/make.py took from PyTorch; its docstring says what each field means. Node and browsers alike. */

/** The files of test/golden/data. */
export type Area =
  | "curvature"
  | "layers_attention"
  | "layers_init"
  | "layers_recurrent"
  | "losses"
  | "mlp"
  | "norms"
  | "ops_binary"
  | "ops_conv"
  | "ops_linalg"
  | "ops_movement"
  | "ops_reduce"
  | "ops_unary"
  | "optimizers"
  | "optimizers_extremes"
  | "special_values"
  | "torch_state"
  | "trajectory_convnet"
  | "trajectory_recurrent"
  | "trajectory_transformer";

export interface GoldenTensor {
  readonly shape: number[];
  readonly dtype: "f32" | "i32" | "bool";
  /** Row-major; the infinities and NaN are themselves, booleans are 0 and 1. */
  readonly data: number[];
}

export type GoldenTensors = Readonly<Record<string, GoldenTensor>>;

interface Results {
  readonly outputs: GoldenTensors;
  readonly upstream: GoldenTensors;
  readonly grads: GoldenTensors;
  readonly state: GoldenTensors;
  readonly optimizerState: GoldenTensors;
}

export interface GoldenStep extends Results {
  /** Counted from 1. */
  readonly step: number;
}

export interface GoldenCase extends Results {
  readonly name: string;
  readonly op: string;
  readonly args: unknown[];
  readonly call: unknown[];
  readonly shape: number[];
  readonly inputs: GoldenTensors;
  readonly steps: GoldenStep[];
  readonly paramGroups: Record<string, unknown>[];
}

interface Encoded {
  shape: number[];
  dtype?: GoldenTensor["dtype"];
  data: (number | "inf" | "-inf" | "nan")[];
}

type EncodedTensors = Record<string, Encoded>;
type EncodedResults = { [Field in keyof Results]?: EncodedTensors };
type EncodedStep = EncodedResults & Pick<GoldenStep, "step">;
type EncodedCase = EncodedResults &
  Pick<GoldenCase, "name" | "op" | "args"> &
  Partial<Pick<GoldenCase, "call" | "shape" | "paramGroups">> & { inputs?: EncodedTensors; steps?: EncodedStep[] };

const special: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity, nan: Number.NaN };

function decodeTensor({ shape, dtype = "f32", data }: Encoded): GoldenTensor {
  return { shape, dtype, data: data.map((value) => (typeof value === "string" ? special[value]! : value)) };
}

function decodeTensors(tensors: EncodedTensors = {}): GoldenTensors {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, decodeTensor(tensor)]));
}

function decodeResults(results: EncodedResults): Results {
  return {
    outputs: decodeTensors(results.outputs),
    upstream: decodeTensors(results.upstream),
    grads: decodeTensors(results.grads),
    state: decodeTensors(results.state),
    optimizerState: decodeTensors(results.optimizerState),
  };
}

function decodeCase(encoded: EncodedCase): GoldenCase {
  const { name, op, args, call = [], shape = [], paramGroups = [], inputs, steps = [] } = encoded;
  return {
    ...{ name, op, args, call, shape, paramGroups },
    ...decodeResults(encoded),
    inputs: decodeTensors(inputs),
    steps: steps.map((step) => ({ step: step.step, ...decodeResults(step) })),
  };
}

/** The cases of one area. Fields that a case leaves out are empty here. */
export async function golden(area: Area): Promise<GoldenCase[]> {
  // A computed name keeps the type checker from inferring a type for a megabyte of numbers. No import attribute: Vite
  // serves the browser a JavaScript module instead of the file, which an attribute would refuse.
  const file = await import(/* @vite-ignore */ `../golden/data/${area}.json`);
  return (file.default as { cases: EncodedCase[] }).cases.map(decodeCase);
}

/** `args` or `call` with each "$name" replaced by `tensors[name]`, and a null argument by undefined. */
export function fillArgs<T>(args: readonly unknown[], tensors: Readonly<Record<string, T>>): unknown[] {
  return args.map((argument) => (argument === null ? undefined : fill(argument, tensors)));
}

function fill<T>(value: unknown, tensors: Readonly<Record<string, T>>): unknown {
  if (typeof value === "string" && value.startsWith("$")) {
    const name = value.slice(1);
    if (!(name in tensors)) throw new Error(`golden case names ${value}; there are ${Object.keys(tensors).join(", ")}`);
    return tensors[name];
  }
  if (Array.isArray(value)) return value.map((item) => fill(item, tensors));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, tensors)]));
  }
  return value;
}
