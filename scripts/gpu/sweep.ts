/** The sweep: every way in which a kernel may be launched, on the frozen shapes, the losers dropped early. */

import type { BufferSlice } from "../../src/gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../../src/gpu/device.ts";
import { rowLaunch, vectorized } from "../../src/gpu/launch-policy.ts";
import { copy, layer_norm, layer_norm_vec4, reduce, softmax, softmax_vec4 } from "../../src/gpu/shaders.generated.ts";
import { choiceName, shapeName } from "../../src/kernels/matmul/measured-costs.ts";
import type { Product } from "../../src/kernels/matmul/product.ts";
import { runMatmul } from "../../src/kernels/matmul/run.ts";
import { candidates, choose, type MatmulChoice } from "../../src/kernels/matmul/select.ts";
import { bindingOf } from "../../src/tensor/binding.ts";
import { empty, type Tensor } from "../../src/tensor/tensor.ts";
import { filled } from "./fill.ts";
import type { Journal } from "./records.ts";
import { COLUMNS, MATMULS, ROWS, SIZES } from "./shapes.ts";
import { type Racer, race, type Stopwatch } from "./stopwatch.ts";

export interface Sweep {
  readonly device: Device;
  readonly journal: Journal;
  readonly stopwatch: Stopwatch;
  /** Milliseconds for all shapes together. */
  readonly budget: number;
  /** Work beyond this many multiply-adds or elements is left out. */
  readonly most: number;
}

type Parameters = Record<string, number | string>;

/** One race, its results written down as soon as they are known. */
async function measure(
  { journal, stopwatch }: Sweep,
  { family, shape, budget }: { family: string; shape: string; budget: number },
  racers: readonly Racer<Parameters>[],
  chosen: (parameters: Parameters) => boolean,
): Promise<void> {
  const results = await race(stopwatch, racers, budget, (parameters, error) => {
    const reason = error instanceof Error ? error.message : String(error);
    journal.fact(`failed: ${family} ${shape}`, { parameters, reason });
  });
  for (const [parameters, timing] of results) {
    const isChosen = chosen(parameters);
    journal.sample({ family, shape, parameters, ...timing, timer: stopwatch.timer, ...(isChosen && { chosen: true }) });
  }
}

/** Every candidate that select.ts names, with every split. */
export async function sweepMatmuls(sweep: Sweep): Promise<void> {
  const { device, most, budget } = sweep;
  const products = MATMULS.filter(({ M, N, K, batch = 1 }) => M * N * K * batch <= most);
  for (const product of products) {
    const { M, N, K, batch = 1 } = product;
    const a = filled(device, [batch * M * K]);
    const b = filled(device, [batch * K * N]);
    const c = empty(device, [batch * M * N]);
    const usual = named(choose(device, product));
    const bound = { a: bindingOf(a), b: bindingOf(b), c: bindingOf(c) };
    const racers = withUsual(device, product).map((choice) => ({
      entry: named(choice),
      run: () => runMatmul(device, { ...product, ...choice, ...bound }),
    }));
    const where = { family: "matmul", shape: shapeName(product), budget: budget / products.length };
    await measure(sweep, where, racers, ({ kernel }) => kernel === usual.kernel);
    for (const one of [a, b, c]) one.dispose();
  }
}

function withUsual(device: Device, product: Product): MatmulChoice[] {
  const usual = choose(device, product);
  return [usual, ...candidates(device, product).filter((one) => choiceName(one) !== choiceName(usual))];
}

const named = (choice: MatmulChoice): { kernel: string } => ({ kernel: choiceName(choice) });

const THREADS = [1, 8, 32, 64, 128, 256];
const WORKGROUPS = [64, 128, 256];

/** Softmax and layer norm: threads per row and per workgroup. */
export async function sweepRows(sweep: Sweep): Promise<void> {
  const { device, most, budget } = sweep;
  const shapes = ROWS.filter(([rows, length]) => rows * length <= most);
  for (const [rows, length] of shapes) {
    const [x, y, stats] = [filled(device, [rows * length]), empty(device, [rows * length]), empty(device, [rows, 2])];
    const { width } = vectorized(length, 1, 4);
    const cols = length / width;
    const usual = rowLaunch(device, rows, cols).overrides;
    const bound = { x: bindingOf(x), y: bindingOf(y), rows, cols };
    const norm = { ...bound, weight: bindingOf(x), bias: bindingOf(x), stats: bindingOf(stats), eps: 1e-5 };
    const launches = THREADS.flatMap((ROW_THREADS) =>
      WORKGROUPS.filter((WORKGROUP) => WORKGROUP >= ROW_THREADS).map((WORKGROUP) => ({ ROW_THREADS, WORKGROUP })),
    );
    const kernels = {
      softmax: (launch: typeof usual, groups: number) =>
        runtimeOf(device).run(vectorized(length, softmax, softmax_vec4).shader, bound, groups, {
          ...launch,
          LOG: false,
        }),
      "layer norm": (launch: typeof usual, groups: number) =>
        runtimeOf(device).run(vectorized(length, layer_norm, layer_norm_vec4).shader, norm, groups, {
          ...launch,
          HAS_WEIGHT: true,
          HAS_BIAS: true,
        }),
    };
    for (const [family, run] of Object.entries(kernels)) {
      const racers = launches.map((launch) => ({
        entry: { threads: launch.ROW_THREADS, workgroup: launch.WORKGROUP },
        run: () => run(launch, Math.ceil((rows * launch.ROW_THREADS) / launch.WORKGROUP)),
      }));
      await measure(
        sweep,
        { family, shape: `${rows}x${length}`, budget: budget / shapes.length / 2 },
        racers,
        (one) => one.threads === usual.ROW_THREADS && one.workgroup === usual.WORKGROUP,
      );
    }
    for (const one of [x, y, stats]) one.dispose();
  }
}

const PARTS = [1, 4, 16, 64, 256, 1024];

/** Sums of columns in two stages: parts of the rows, and threads per workgroup. */
export async function sweepColumns(sweep: Sweep): Promise<void> {
  const { device, most, budget } = sweep;
  const shapes = COLUMNS.filter(([rows, cols]) => rows * cols <= most);
  for (const [rows, inner] of shapes) {
    const [x, y] = [filled(device, [rows * inner]), empty(device, [inner])];
    const partial = empty(device, [Math.max(...PARTS) * inner]);
    const stage = (from: Tensor, to: Tensor, params: { reduced: number; parts: number }, WORKGROUP: number) => {
      const { reduced, parts } = params;
      const [outputs, length] = [parts * inner, Math.ceil(reduced / parts)];
      const args = {
        x: bits(from),
        y: bits(to),
        outputs,
        inner,
        ...params,
        first: length,
        step: 1,
        most: length,
        scale: 1,
      };
      runtimeOf(device).run(reduce, args, Math.ceil(outputs / WORKGROUP), { KIND: 0, DTYPE: 0, WORKGROUP });
    };
    const racers = PARTS.filter((parts) => parts <= rows).flatMap((parts) =>
      WORKGROUPS.map((workgroup) => ({
        entry: { parts, workgroup },
        run() {
          if (parts === 1) return stage(x, y, { reduced: rows, parts }, workgroup);
          stage(x, partial, { reduced: rows, parts }, workgroup);
          stage(partial, y, { reduced: parts, parts: 1 }, workgroup);
        },
      })),
    );
    await measure(
      sweep,
      { family: "column sums", shape: `${rows}x${inner}`, budget: budget / shapes.length },
      racers,
      () => false,
    );
    for (const one of [x, y, partial]) one.dispose();
  }
}

/** The reduction reads and writes words, whatever they mean. */
function bits(tensor: Tensor): BufferSlice<"u32", "read_write"> {
  const { buffer, offset, size } = bindingOf(tensor);
  return { buffer, offset, size };
}

const GROUPS = [256, 1024, 8192, 65_535];

/** A grid-stride copy: threads per workgroup, and most workgroups. */
export async function sweepCopies(sweep: Sweep): Promise<void> {
  const { device, most, budget } = sweep;
  const sizes = SIZES.filter((size) => size <= most);
  for (const size of sizes) {
    const [src, dst] = [filled(device, [size]), empty(device, [size])];
    const vectors = size / 4;
    const racers = WORKGROUPS.flatMap((workgroup) =>
      [...new Set(GROUPS.map((groups) => Math.min(groups, Math.ceil(vectors / workgroup))))].map((groups) => ({
        entry: { workgroup, groups },
        run: () =>
          runtimeOf(device).run(copy, { src: bindingOf(src), dst: bindingOf(dst), vectors }, groups, {
            WORKGROUP: workgroup,
          }),
      })),
    );
    await measure(sweep, { family: "copy", shape: `${size}`, budget: budget / sizes.length }, racers, () => false);
    for (const one of [src, dst]) one.dispose();
  }
}
