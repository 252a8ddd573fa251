/** Facts about each operation, found by running it on a golden case: the rows of docs/operations.md. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Edge, edgeOf, type Node } from "../src/autograd/graph.ts";
import type { OpDefinition } from "../src/autograd/op-types.ts";
import * as gradwell from "../src/index.ts";
import { type Dtype, GradwellError, grad, sum, Tensor, tensor } from "../src/index.ts";
import { functions } from "../test/reference/functions.ts";
import { fillArgs } from "../test/support/golden.ts";
import { opTable } from "../test/support/op-table.ts";

export interface OpFacts {
  readonly name: string;
  readonly dtypes: readonly Dtype[];
  readonly backward: boolean;
  readonly second: boolean;
  /** The operations that it records, in the order of their first use. */
  readonly recorded: readonly string[];
  /** True if one of them has a decomposition into plain operations. */
  readonly hasDecomposition: boolean;
  /** Cases with PyTorch's values. */
  readonly golden: number;
  /** True if values and slopes are compared with float64 over the whole range of floats. */
  readonly float64: boolean;
  /** True if first and second derivatives are compared with finite differences. */
  readonly differences: boolean;
}

interface Input {
  readonly shape: number[];
  readonly dtype?: Dtype;
  readonly data: (number | string)[];
}

interface Case {
  readonly op: string;
  readonly args: unknown[];
  readonly inputs?: Record<string, Input>;
}

const DTYPES: readonly Dtype[] = ["f32", "f16", "i32", "u32", "bool"];
const x: Input = { shape: [2, 3], data: [0.5, -1, 2, 1, 0.25, -2] };

/** Operations without golden cases: tested against float64 functions, or what they do to values is nothing, or random. */
const others: readonly Case[] = [
  ...Object.keys(functions).map((op) => ({ op, args: ["$x"], inputs: { x } })),
  { op: "clone", args: ["$x"], inputs: { x } },
  { op: "nn.dropout", args: ["$x", 0.5], inputs: { x } },
  { op: "slice", args: ["$x", 1, 0, 3, 2], inputs: { x } },
  { op: "to", args: ["$x", "f16"], inputs: { x } },
];

/** Every operation of the surface, by name. Needs an initialized device. */
export async function opFacts(): Promise<OpFacts[]> {
  const byName = new Map<string, Case[]>();
  const golden = goldenCases();
  const known = new Set(golden.map(({ op }) => op));
  for (const one of [...golden, ...others.filter(({ op }) => !known.has(op))]) {
    const callable = lookUp(one.op);
    // Names of classes begin with a capital: layers are documented beside the functions that they call.
    if (typeof callable !== "function" || /(^|\.)[A-Z]/.test(one.op) || /^(optim|nn\.init)\./.test(one.op)) continue;
    byName.set(one.op, [...(byName.get(one.op) ?? []), one]);
  }
  const facts = [...byName].map(([name, cases]) => factsOf(name, cases));
  return (await Promise.all(facts)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function goldenCases(): Case[] {
  const folder = fileURLToPath(new URL("../test/golden/data", import.meta.url));
  return readdirSync(folder).flatMap((file) => JSON.parse(readFileSync(join(folder, file), "utf8")).cases as Case[]);
}

const lookUp = (op: string): unknown =>
  op.split(".").reduce<unknown>((scope, key) => (scope as Record<string, unknown> | undefined)?.[key], gradwell);

async function factsOf(name: string, cases: readonly Case[]): Promise<OpFacts> {
  const plain = cases.find((one) => isOrdinary(one)) ?? cases[0];
  const graph = run(plain as Case, "f32", true)?.flatMap((output) => {
    const edge = edgeOf(output);
    return edge ? nodesFrom(edge.node) : [];
  });
  const known = others.includes(plain as Case) ? 0 : cases.length;
  const recorded = [...new Set(graph?.map(({ op }) => op.name))];
  const short = name.replace("nn.", "");
  return {
    name,
    dtypes: DTYPES.filter((dtype) => run(plain as Case, dtype, false)),
    backward: recorded.length > 0,
    second: recorded.length > 0 && hasSecond(plain as Case),
    recorded,
    hasDecomposition: graph?.some(({ op }: { op: OpDefinition }) => op.decomposition !== undefined) ?? false,
    golden: known,
    float64: Object.hasOwn(functions, name),
    differences: opTable.some((one) => one.name.split(/[ ,]/)[0] === short),
  };
}

const isOrdinary = ({ inputs = {} }: Case): boolean =>
  Object.values(inputs).every(({ data }) => data.length > 0 && data.every((value) => typeof value === "number"));

/** A value that every dtype holds. */
const small = (value: number): number => (Number.isFinite(value) ? Math.abs(Math.round(value)) % 128 : 0);

/** The outputs on inputs of this dtype; undefined where the operation refuses it. */
function run({ op, args, inputs = {} }: Case, dtype: Dtype, requiresGrad: boolean, leaves: Tensor[] = []) {
  const tensors = Object.entries(inputs).map(([key, { shape, dtype: own = "f32", data }]): [string, Tensor] => {
    // Labels, indices and masks keep their dtype.
    const isValue = own === "f32";
    const values = Float64Array.from(data as number[], (value) => (dtype === "f32" || !isValue ? value : small(value)));
    const leaf = tensor(values, { shape, dtype: isValue ? dtype : own, requiresGrad: requiresGrad && isValue });
    if (isValue) leaves.push(leaf);
    return [key, leaf];
  });
  try {
    const result = (lookUp(op) as (...values: unknown[]) => Tensor | Tensor[])(
      ...fillArgs(args, Object.fromEntries(tensors)),
    );
    return [result].flat();
  } catch (error) {
    if (error instanceof GradwellError) return undefined;
    throw error;
  }
}

/** The ancestors of a node and itself, inputs first. */
function nodesFrom(last: Node): Node[] {
  const seen = new Set<Node>();
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    for (const target of node.targets) if (target instanceof Edge) visit(target.node);
    seen.add(node);
  };
  visit(last);
  return [...seen];
}

/** Reports whether the gradient of a gradient exists. */
function hasSecond(one: Case): boolean {
  const leaves: Tensor[] = [];
  const outputs = run(one, "f32", true, leaves) as Tensor[];
  const squares = outputs.filter(({ requiresGrad }) => requiresGrad).map((output) => sum(output.square()));
  const options = { createGraph: true, allowUnused: true } as const;
  const first = grad(squares, leaves, options).filter((gradient): gradient is Tensor => gradient instanceof Tensor);
  const again = first.filter(({ requiresGrad }) => requiresGrad).map((gradient) => sum(gradient.square()));
  if (again.length === 0) return false;
  return grad(again, leaves, { allowUnused: true }).some((gradient) => gradient instanceof Tensor);
}
