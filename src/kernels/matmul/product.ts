/** The shape of a matrix product. */

/** The shape of `op(A) op(B)`, row-major; op(A) is (M, K), op(B) is (K, N). */
export interface Product {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** A is stored as (K, M), B as (N, K). */
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Matrices in the batch; default 1. */
  readonly batch?: number;
  /** Elements from one matrix to the next; default dense, 0 repeats the same matrix. */
  readonly strideA?: number;
  readonly strideB?: number;
  /** Elements from one stored row of A and of B to the next; default dense. */
  readonly pitchA?: number;
  readonly pitchB?: number;
  /** Everything in memory is f16; sums are f32 all the same. */
  readonly half?: boolean;
}
