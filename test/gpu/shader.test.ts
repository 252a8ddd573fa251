import { expect, it } from "vitest";
import type { BufferSlice } from "../../src/gpu/buffer-pool.ts";
import type { OverridesOf, RunArgs } from "../../src/gpu/shader.ts";
import type {
  adagrad,
  adam,
  diagonal_newton,
  fill,
  gather,
  matmul_reduce,
  matrix_update,
  rmsprop,
  sgd,
  strided_copy,
} from "../../src/gpu/shaders.generated.ts";
import type { OptimizerShader } from "../../src/optim/step-plan.ts";

it("a misspelt, missing or wrong name is a compile error", () => {
  const y = {} as BufferSlice;
  const accepts = (_: RunArgs<typeof fill>) => true;
  const constants = (_: OverridesOf<typeof fill>) => true;
  expect(accepts({ y, vectors: 4, bits: 0 })).toBe(true);
  expect(constants({ WORKGROUP: 128 })).toBe(true);
  // @ts-expect-error a misspelt binding
  accepts({ z: y, vectors: 4, bits: 0 });
  // @ts-expect-error a misspelt param
  accepts({ y, vectors: 4, bitz: 0 });
  // @ts-expect-error a missing param
  accepts({ y, vectors: 4 });
  // @ts-expect-error one name too many
  accepts({ y, vectors: 4, bits: 0, rows: 1 });
  // @ts-expect-error a buffer where a number belongs
  accepts({ y, vectors: y, bits: 0 });
  // @ts-expect-error a misspelt override
  constants({ WORKGROUPS: 128 });
});

it("makes a slice of another dtype or access, and a param of another shape, a compile error", () => {
  const [f32, readOnly, i32] = [
    {} as BufferSlice<"f32", "read_write">,
    {} as BufferSlice<"f32", "read">,
    {} as BufferSlice<"i32">,
  ];
  const slice = {} as BufferSlice;
  const reduces = (_: Pick<RunArgs<typeof matmul_reduce>, "matrixA" | "matrixC">) => true;
  expect(reduces({ matrixA: readOnly, matrixC: f32 })).toBe(true);
  expect(reduces({ matrixA: slice, matrixC: slice })).toBe(true);
  // @ts-expect-error memory that may only be read, where the kernel writes
  reduces({ matrixA: readOnly, matrixC: readOnly });
  // @ts-expect-error integers where the kernel reads floats
  reduces({ matrixA: i32, matrixC: f32 });
  const gathers = (_: Pick<RunArgs<typeof gather>, "index" | "faults">) => true;
  expect(gathers({ index: slice, faults: i32 })).toBe(true);
  // @ts-expect-error floats where the kernel reads indices
  gathers({ index: f32, faults: i32 });
  const copies = (_: Pick<RunArgs<typeof strided_copy>, "rank" | "shape">) => true;
  expect(copies({ rank: 1, shape: [4] })).toBe(true);
  // @ts-expect-error a number for an array
  copies({ rank: 1, shape: 4 });
  // @ts-expect-error an array for a number
  copies({ rank: [1], shape: [4] });
});

it("holds the kernels of optimizers to what their steps bind", () => {
  const isOptimizer = <S extends OptimizerShader>(..._: S[]) => true;
  expect(isOptimizer<typeof adam | typeof sgd | typeof rmsprop | typeof adagrad>()).toBe(true);
  expect(isOptimizer<typeof diagonal_newton | typeof matrix_update>()).toBe(true);
  // @ts-expect-error another kernel
  isOptimizer<typeof fill>();
});
