/** Operands of a matmul, copied and padded with zeros for kernels that read vec4 only; the zeros add nothing. */

import type { BufferSlice } from "../../gpu/buffer-pool.ts";
import { type Device, runtimeOf } from "../../gpu/device.ts";
import { strideGroups } from "../../gpu/launch-policy.ts";
import { pad_matrix } from "../../gpu/shaders.generated.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import type { Product } from "./product.ts";

/** A matmul of these matrices. */
interface Operands extends Product {
  readonly a: BufferSlice<"f32", "read">;
  readonly b: BufferSlice<"f32", "read">;
}

const roundUp4 = (length: number): number => Math.ceil(length / 4) * 4;

/** The same matmul with contiguous sides and K multiples of 4, and the copies to dispose once it is recorded. */
export function padOperands<P extends Operands>(device: Device, matmul: P): { product: P; copies: Tensor[] } {
  const { M, N, K, transA, transB, batch = 1, strideA = M * K, strideB = K * N } = matmul;
  const copies: Tensor[] = [];
  const side = (x: Operands["a"], rows: number, cols: number, stride: number, padRows: number) => {
    const padCols = roundUp4(cols);
    if (padRows === rows && padCols === cols && stride % 4 === 0) return { x, stride };
    const matrices = stride === 0 ? 1 : batch;
    const y = empty(device, [matrices, padRows, padCols]);
    const vectors = y.size / 4;
    const args = { x, y: bindingOf(y), vectors, rows, cols, padRows, padCols, batchStride: stride };
    runtimeOf(device).run(pad_matrix, args, strideGroups(device, vectors));
    copies.push(y);
    return { x: bindingOf(y), stride: stride === 0 ? 0 : padRows * padCols };
  };
  const a = transA ? side(matmul.a, K, M, strideA, roundUp4(K)) : side(matmul.a, M, K, strideA, M);
  const b = transB ? side(matmul.b, N, K, strideB, N) : side(matmul.b, K, N, strideB, roundUp4(K));
  const sides = { K: roundUp4(K), a: a.x, b: b.x, strideA: a.stride, strideB: b.stride };
  const pitches = { pitchA: roundUp4(transA ? M : K), pitchB: roundUp4(transB ? K : N) };
  return { product: { ...matmul, ...sides, ...pitches }, copies };
}
