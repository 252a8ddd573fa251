/** The costs of matmuls on each architecture, fitted to what sweeps have measured. */
import type { ArchitectureCosts, LinearCost } from "../../src/kernels/matmul/cost-table.ts";
import { architectureName, costFeatures, costOf, shapeName } from "../../src/kernels/matmul/measured-costs.ts";
import type { Product } from "../../src/kernels/matmul/product.ts";
import { kernels, type MatmulKernel, type Variant } from "../../src/kernels/matmul/select.ts";
import type { DataRecord } from "./records.ts";
import { MATMULS } from "./shapes.ts";
import { median } from "./stopwatch.ts";

/** A kernel with its splits on one shape. */
interface Point {
  readonly name: string;
  readonly product: Product;
  readonly microseconds: number;
}

export interface ArchitectureFit extends ArchitectureCosts {
  /** Microseconds of the fastest choice and of the estimated one, by shape. */
  readonly outcomes: readonly { shape: string; best: string; least: number; chosen: string; taken: number }[];
}

/** Fits need more shapes than they have coefficients. */
const LEAST_POINTS = 5;
/** Losing more than this to the fastest makes an exception. */
const TOLERATED = 1.1;
const NAME = /^(.+)\/(\d+)$/;

const products = new Map(MATMULS.map((product) => [shapeName(product), product]));

function tileOf(name: string): { tile: MatmulKernel; splits: number } | undefined {
  const [, variant = "", splits = "0"] = NAME.exec(name) ?? [];
  // A kernel of another version may be gone.
  if (!Object.hasOwn(kernels, variant)) return undefined;
  return { tile: kernels[variant as Variant], splits: Math.max(1, Number(splits)) };
}

/** Costs by architecture; rehearsals on software adapters are left out unless asked for. */
export function fitAll(records: readonly DataRecord[], rehearsals = false): Record<string, ArchitectureFit> {
  const points = new Map<string, Point[]>();
  const samples = new Map<string, { architecture: string; name: string; product: Product; values: number[] }>();
  for (const record of records) {
    if (record.kind !== "sample" || record.family !== "matmul" || record.rehearsal !== rehearsals) continue;
    const product = products.get(record.shape);
    const name = String(record.parameters.kernel);
    if (!product || !tileOf(name)) continue;
    const architecture = architectureName(record);
    const key = `${architecture}|${record.shape}|${name}`;
    const known = samples.get(key) ?? { architecture, name, product, values: [] };
    known.values.push(record.microseconds);
    samples.set(key, known);
  }
  for (const { architecture, name, product, values } of samples.values()) {
    const all = points.get(architecture) ?? [];
    all.push({ name, product, microseconds: median(values) });
    points.set(architecture, all);
  }
  return Object.fromEntries([...points].sort().map(([architecture, all]) => [architecture, fitted(all)]));
}

function fitted(points: readonly Point[]): ArchitectureFit {
  const costs: Record<string, LinearCost> = {};
  for (const name of [...new Set(points.map((point) => point.name))].sort()) {
    // What the library does by itself has no number of parts that a choice could name.
    if (name.endsWith("/0")) continue;
    const own = points.filter((point) => point.name === name);
    const cost = own.length >= LEAST_POINTS ? leastSquares(own) : undefined;
    if (cost) costs[name] = cost;
  }
  const exceptions: Record<string, string> = {};
  const outcomes = [...products].flatMap(([shape, product]) => {
    const own = points.filter((point) => shapeName(point.product) === shape && !point.name.endsWith("/0"));
    const priced = own.filter(({ name }) => costs[name]);
    if (priced.length === 0) return [];
    const best = own.reduce((a, b) => (b.microseconds < a.microseconds ? b : a));
    const cheapest = priced.reduce((a, b) =>
      estimate(costs, b.name, product) < estimate(costs, a.name, product) ? b : a,
    );
    const loses = cheapest.microseconds > best.microseconds * TOLERATED;
    if (loses) exceptions[shape] = best.name;
    const chosen = loses ? best : cheapest;
    return [{ shape, best: best.name, least: best.microseconds, chosen: chosen.name, taken: chosen.microseconds }];
  });
  return { costs, exceptions, outcomes };
}

function estimate(costs: Readonly<Record<string, LinearCost>>, name: string, product: Product): number {
  const found = tileOf(name);
  const cost = costs[name];
  return found && cost ? costOf(cost, costFeatures(found.tile, product, found.splits)) : Infinity;
}

/** Least squares of the relative error with coefficients of at least 0: the most negative is left out, and again. */
function leastSquares(points: readonly Point[]): LinearCost | undefined {
  const rows = points.flatMap(({ name, product, microseconds }) => {
    const found = tileOf(name);
    if (!found || !(microseconds > 0)) return [];
    const features = [1, ...costFeatures(found.tile, product, found.splits)];
    return [features.map((feature) => feature / microseconds)];
  });
  let used = [0, 1, 2];
  while (used.length > 0) {
    const solution = solve(rows, used);
    if (!solution) return undefined;
    const worst = solution.reduce((at, value, i) => (value < (solution[at] ?? 0) ? i : at), 0);
    if ((solution[worst] ?? 0) >= 0) {
      const at = (i: number) => rounded(solution[used.indexOf(i)] ?? 0);
      return [at(0), at(1), at(2)];
    }
    used = used.filter((_, i) => i !== worst);
  }
  return undefined;
}

const rounded = (value: number): number => Number(value.toPrecision(4));

/** Normal equations of `rows[used] x = 1` by elimination with pivots. */
function solve(rows: readonly number[][], used: readonly number[]): number[] | undefined {
  const matrix = used.map((i) => [
    ...used.map((j) => rows.reduce((sum, row) => sum + (row[i] ?? 0) * (row[j] ?? 0), 0)),
    rows.reduce((sum, row) => sum + (row[i] ?? 0), 0),
  ]);
  const size = used.length;
  for (let col = 0; col < size; col++) {
    const pivot = matrix.slice(col).reduce((a, b) => (Math.abs(b[col] ?? 0) > Math.abs(a[col] ?? 0) ? b : a));
    matrix.splice(matrix.indexOf(pivot), 1);
    matrix.splice(col, 0, pivot);
    const lead = pivot[col] ?? 0;
    if (!(Math.abs(lead) > 0)) return undefined;
    for (const row of matrix) {
      if (row === pivot) continue;
      const factor = (row[col] ?? 0) / lead;
      for (let k = col; k <= size; k++) row[k] = (row[k] ?? 0) - factor * (pivot[k] ?? 0);
    }
  }
  return matrix.map((row, i) => (row[size] ?? 0) / (row[i] ?? 1));
}

/** The table's module. */
export function tableSource(fits: Readonly<Record<string, ArchitectureFit>>): string {
  const table = Object.fromEntries(
    Object.entries(fits).map(([architecture, { costs, exceptions }]) => [architecture, { costs, exceptions }]),
  );
  return `/** Written by \`npm run gpu -- report\` from scripts/gpu/data: do not edit. */
import type { ArchitectureCosts } from "./cost-table.ts";

export const gpuCosts: Readonly<Record<string, ArchitectureCosts>> = ${literal(table)};
`;
}

/** As the formatter writes it. */
function literal(value: object, indent = ""): string {
  const entries = Object.entries(value);
  if (entries.length === 0) return "{}";
  const inner = `${indent}  `;
  const lines = entries.map(([key, one]) => {
    const name = /^[a-zA-Z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
    const text = Array.isArray(one)
      ? `[${one.join(", ")}]`
      : typeof one === "object"
        ? literal(one, inner)
        : JSON.stringify(one);
    return `${inner}${name}: ${text},`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}
