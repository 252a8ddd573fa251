/** Operands of a product copied so that kernels which read fours can take them; the zeros around add nothing. */
import type { Device } from "../gpu/device.ts";
import { strideGroups } from "../gpu/grid.ts";
import type { BufferSlice } from "../gpu/pool.ts";
import { pad_matrix } from "../gpu/shaders.generated.ts";
import { empty, type Tensor } from "../tensor/tensor.ts";
import type { Product } from "./matmul-table.ts";

/** A product of these matrices. */
interface Operands extends Product {
  readonly a: BufferSlice;
  readonly b: BufferSlice;
}

const four = (length: number): number => Math.ceil(length / 4) * 4;

/** The same product with contiguous sides and K of fours, and what to dispose when it is recorded. */
export function padded<P extends Operands>(device: Device, matmul: P): { product: P; copies: Tensor[] } {
  const { M, N, K, transA, transB, batch = 1, strideA = M * K, strideB = K * N } = matmul;
  const copies: Tensor[] = [];
  const side = (x: BufferSlice, rows: number, cols: number, stride: number, padRows: number) => {
    const padCols = four(cols);
    if (padRows === rows && padCols === cols && stride % 4 === 0) return { x, stride };
    const matrices = stride === 0 ? 1 : batch;
    const y = empty(device, [matrices, padRows, padCols]);
    const vectors = y.size / 4;
    const args = { x, y: y.binding, vectors, rows, cols, padRows, padCols, batchStride: stride };
    device.run(pad_matrix, args, strideGroups(device, vectors));
    copies.push(y);
    return { x: y.binding, stride: stride === 0 ? 0 : padRows * padCols };
  };
  const a = transA ? side(matmul.a, K, M, strideA, four(K)) : side(matmul.a, M, K, strideA, M);
  const b = transB ? side(matmul.b, N, K, strideB, N) : side(matmul.b, K, N, strideB, four(K));
  const sides = { K: four(K), a: a.x, b: b.x, strideA: a.stride, strideB: b.stride };
  const pitches = { pitchA: four(transA ? M : K), pitchB: four(transB ? K : N) };
  return { product: { ...matmul, ...sides, ...pitches }, copies };
}
