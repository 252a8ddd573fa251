/** The node tests of ONNX: where they are, and how one is run and compared. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tensor } from "gradwell";
import { isClose } from "../support/close.ts";
import { onnx as tolerances } from "../support/tolerance.ts";
import { runModel } from "./graph.ts";
import { type Model, type OnnxTensor, readModel, readTensor } from "./proto.ts";
import { assertFits, dtypeOf, given, LeftOut } from "./value.ts";

const DEBIAN = "/usr/share/libonnx-testdata/data/node";

export const INSTALL =
  "ONNX's node tests are not here: install Debian's package libonnx-testdata, or name the folder of node tests in " +
  "GRADWELL_ONNX_DATA";

/** The folder of the node tests, or undefined where the package is absent. A folder named on purpose must be there. */
export function findCases(): string | undefined {
  const named = process.env.GRADWELL_ONNX_DATA;
  if (named && !existsSync(named)) throw new Error(`GRADWELL_ONNX_DATA: there is no folder ${named}`);
  return named || (existsSync(DEBIAN) ? DEBIAN : undefined);
}

export interface Case {
  readonly name: string;
  /** The operator that it tests; an expanded case is one of the operator whose definition its graph is. */
  readonly operator: string;
  readonly folder: string;
  readonly model: Model;
}

export function listCases(root: string): Case[] {
  const models = new Map(
    readdirSync(root)
      .sort()
      .map((name) => [name, readModel(readFileSync(join(root, name, "model.onnx")))]),
  );
  return [...models].map(([name, model]) => {
    const plain = models.get(name.replace(/_expanded$/, "")) ?? model;
    return { name, operator: plain.graph.nodes.at(-1)?.op ?? "none", folder: join(root, name), model };
  });
}

export interface Outcome {
  readonly case: Case;
  readonly result: "passed" | "failed" | "left out";
  /** Why it did not pass. */
  readonly reason?: string;
}

/** Cases whose expected values are not those of their models. One that passes fails, so that none stays here. */
const WRONG: Readonly<Record<string, string>> = {
  test_adam_multiple: "the expected values are made with an epsilon of 1e-2, which the model does not give",
};

/** Runs a case; what the surface lacks leaves it out, everything else that goes wrong fails it. */
async function runCase(one: Case): Promise<Outcome> {
  const wrong = WRONG[one.name];
  try {
    const sets = readdirSync(one.folder).filter((file) => file.startsWith("test_data_set_"));
    if (sets.length === 0) throw new Error(`no test data in ${one.folder}`);
    for (const set of sets) await runSet(one, join(one.folder, set));
    return wrong
      ? { case: one, result: "failed", reason: `passes, against: ${wrong}` }
      : { case: one, result: "passed" };
  } catch (error) {
    if (error instanceof LeftOut) return { case: one, result: "left out", reason: error.message };
    if (wrong && error instanceof Mismatch) return { case: one, result: "left out", reason: wrong };
    return { case: one, result: "failed", reason: (error as Error).message };
  }
}

/** Several at a time: while one waits for its numbers, others compute. */
const AT_ONCE = 8;

export async function runCases(cases: readonly Case[]): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(cases.length);
  const rest = cases.entries();
  const work = async () => {
    for (const [i, one] of rest) outcomes[i] = await runCase(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return outcomes;
}

async function runSet({ operator, model }: Case, folder: string): Promise<void> {
  const { inputs, outputs } = model.graph;
  if ([...inputs, ...outputs].some(({ type }) => type === undefined)) await runModel(model, []);
  const read = (kind: string, count: number) =>
    Array.from({ length: count }, (_, i) => join(folder, `${kind}_${i}.pb`))
      .filter((file) => existsSync(file))
      .map((file) => readTensor(readFileSync(file)));
  const expected = read("output", outputs.length);
  if (expected.length === 0) throw new Error(`no expected outputs in ${folder}`);
  const results = await runModel(model, read("input", inputs.length).map(given));
  for (const [i, file] of expected.entries()) await compare(results[i]!.tensor, file, operator, outputs[i]!.name);
}

class Mismatch extends Error {}

async function compare(actual: Tensor, expected: OnnxTensor, operator: string, name: string): Promise<void> {
  assertFits(expected);
  const dtype = dtypeOf(expected.type);
  const head = `output ${name}`;
  if (actual.dtype !== dtype) throw new Mismatch(`${head}: dtype ${actual.dtype}, should be ${dtype}`);
  if (`${actual.shape}` !== `${expected.shape}`)
    throw new Mismatch(`${head}: shape [${actual.shape}], should be [${expected.shape}]`);
  const isFloat = dtype === "f32" || dtype === "f16";
  const tolerance = isFloat
    ? (tolerances[dtype === "f16" ? dtype : operator] ?? tolerances.any!)
    : { rtol: 0, atol: 0 };
  const data = await actual.data();
  for (let i = 0; i < expected.data.length; i++) {
    const [got, want] = [data[i]!, expected.data[i]!];
    if (!isClose(got, want, tolerance)) throw new Mismatch(`${head}: [${i}] is ${got}, should be ${want}`);
  }
}
