// The part that all matmul kernels share: C[i] = epilogue(alpha * op(A[i]) op(B[i])) for each matrix i of a batch.
// op(A) is (M, K) and op(B) is (K, N), both read by strides, so that a transposed operand costs nothing. Sums over k
// are in ascending order.
import package::lib::activation::{gelu, gelu_grad, silu, silu_grad, sigmoid, sigmoid_grad_y, tanh_safe, tanh_grad_y};

// The scalar type in memory: f32, or f16 in the variants named `_half`. Sums are f32 in both.
@if(HALF) alias Real = f16;
@else alias Real = f32;
@if(HALF) alias Real4 = vec4h;
@else alias Real4 = vec4f;

struct Params {
  M: u32, N: u32, K: u32,
  strideAm: u32, strideAk: u32, batchStrideA: u32, // in elements; a batch stride of 0 broadcasts
  strideBk: u32, strideBn: u32, batchStrideB: u32,
  batches: u32, splits: u32, splitK: u32,          // each of `splits` workgroups sums splitK of the K products, a multiple of 16
  hasBias: u32, hasSaved: u32, hasBiasGrad: u32,
  alpha: f32, slope: f32,                          // slope: of the activation below 0; 1 for none, 0 for relu
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrixA: array<Real>;       // (batch, M, K) or (batch, K, M)
@group(0) @binding(1) var<storage, read> vectorsA: array<Real4>; // the same, for kernels that only take rows of four
// (batch, K, N) or (batch, N, K). Every kernel is linked twice: as it is named, and as `<name>_vec4` for a B whose rows, or
// columns where those are contiguous, are a multiple of four long.
@if(VEC4) @group(0) @binding(2) var<storage, read> matrixB: array<Real4>;
@else @group(0) @binding(2) var<storage, read> matrixB: array<Real>;
@group(0) @binding(2) var<storage, read> vectorsB: array<Real4>; // the same, for a kernel that only takes columns of four
@group(0) @binding(3) var<storage, read> bias: array<Real>;          // (N)
@group(0) @binding(4) var<storage, read> saved: array<Real>;         // (batch, M, N): what the derivative is computed from
@group(0) @binding(5) var<storage, read_write> matrixC: array<Real>; // (splits, batch, M, N)
@group(0) @binding(6) var<storage, read_write> biasGrad: array<Real>; // (splits, M): sums of op(A) over k

// K is no multiple of what a tile kernel stages at a time: guards its loads. The others always guard, which costs them nothing.
override K_TAIL: bool = false;
// Adds to what C and the bias gradient hold, before the epilogue.
override ACCUMULATE: bool = false;
// The epilogue by the numbers below. Piecewise linear functions share one pipeline and differ by `slope`.
override EPILOGUE: u32 = 0;

/** The place of a workgroup's tile of C; a, b and c are the offsets of its matrices. */
struct Tile { row: u32, col: u32, kBegin: u32, kEnd: u32, a: u32, b: u32, c: u32, split: u32, batch: u32 }

/** Tiles run along the rows of C first, then down its columns, then over splits and batches. */
fn tile_of(group: u32, rows: u32, cols: u32) -> Tile {
  let across = (params.N + cols - 1u) / cols;
  let down = (params.M + rows - 1u) / rows;
  let slot = group / (across * down);
  let split = slot / params.batches;
  let batch = slot % params.batches;
  let kBegin = split * params.splitK;
  return Tile(group / across % down * rows, group % across * cols, kBegin, min(kBegin + params.splitK, params.K),
    batch * params.batchStrideA, batch * params.batchStrideB, slot * params.M * params.N, split, batch);
}

const FOUR = vec4u(0u, 1u, 2u, 3u);
fn four_from(i: u32) -> vec4u { return i + FOUR; }

// For kernels without workgroup memory: where a lane reads is worked out before the loop over k and moved on by a constant.

/**
 * True for those of k .. k + 3 that are in the tile's part of K. What is read for the others is anything: WebGPU keeps
 * it in the buffer.
 */
fn inside(tile: Tile, k: u32) -> vec4<bool> { return four_from(k) < vec4u(tile.kEnd); }

/** Offset of op(A)[row][kBegin]. Rows past the end are the last one: they are not stored. */
fn start_a(tile: Tile, row: u32) -> u32 {
  return tile.a + min(row, params.M - 1u) * params.strideAm + tile.kBegin * params.strideAk;
}

/** op(A)[row][k .. k + 3], the first of them at i. */
fn load_a(i: u32, valid: vec4<bool>) -> vec4f {
  let s = params.strideAk;
  return select(vec4f(), vec4f(Real4(matrixA[i], matrixA[i + s], matrixA[i + 2u * s], matrixA[i + 3u * s])), valid);
}

// For kernels that take A as vec4: along k, or along m where it is stored as its transpose; then lane l holds k + l % 4 of four
// rows instead of four k of one row.

/** A is stored as (K, M). */
override A_TURNED: bool = false;
/** True if the sums of op(A)'s rows are wanted: keeping them costs these kernels a tenth. */
override BIAS_GRAD: bool = false;

/**
 * Offset of a lane's read of op(A) for kBegin, in vec4; each iteration adds step_a4(). Rows past the end of a stored
 * row are its last.
 */
fn start_a4(tile: Tile, row: u32, lane: u32) -> u32 {
  if (A_TURNED) {
    return (tile.a + (tile.kBegin + lane % 4u) * params.strideAk + min(row + lane / 4u * 4u, params.strideAk - 4u)) / 4u;
  }
  return (tile.a + min(row + lane, params.M - 1u) * params.strideAm + tile.kBegin) / 4u;
}

fn step_a4() -> u32 { return select(1u, params.strideAk, A_TURNED); }

/** The sum over k of op(A)'s row `lane`, from what a lane summed of its reads. */
fn row_sum(sum: vec4f, lane: u32) -> f32 {
  if (!A_TURNED) { return dot(sum, vec4f(1.0)); }
  let pairs = sum + subgroupShuffleXor(sum, 1u);
  return (pairs + subgroupShuffleXor(pairs, 2u))[lane % 4u];
}

/**
 * Argument of load_b for kBegin and four columns from col; each iteration adds step_b(). Columns past the end are the
 * last ones.
 */
fn start_b(tile: Tile, col: u32) -> vec4u {
  let columns = min(four_from(col), vec4u(params.N - 1u)) * params.strideBn;
  let start = tile.b + tile.kBegin * params.strideBk;
  return placed_b(start, columns, min(col, params.strideBk - 4u) + FOUR * params.strideBk);
}

@if(VEC4) fn placed_b(start: u32, columns: vec4u, rows: vec4u) -> vec4u {
  return (start + select(rows, columns, params.strideBk == 1u)) / 4u;
}
@else fn placed_b(start: u32, columns: vec4u, rows: vec4u) -> vec4u { return start + columns; }

@if(VEC4) fn step_b() -> u32 { return params.strideBk; }
@else fn step_b() -> u32 { return 4u * params.strideBk; }

/** op(B)[k .. k + 3][col .. col + 3], one column of the matrix per k; zeros beyond the end of K. */
fn load_b(at: vec4u, valid: vec4<bool>) -> mat4x4f {
  let b = read_b(at);
  return mat4x4f(select(vec4f(), b[0], valid.x), select(vec4f(), b[1], valid.y),
    select(vec4f(), b[2], valid.z), select(vec4f(), b[3], valid.w));
}

/** load_b where there is no end of K among the four. */
@if(VEC4) fn read_b(at: vec4u) -> mat4x4f {
  let read = mat4x4f(vec4f(matrixB[at.x]), vec4f(matrixB[at.y]), vec4f(matrixB[at.z]), vec4f(matrixB[at.w]));
  let turned = transpose(read);
  let alongK = params.strideBk == 1u;
  return mat4x4f(select(read[0], turned[0], alongK), select(read[1], turned[1], alongK),
    select(read[2], turned[2], alongK), select(read[3], turned[3], alongK));
}
@else fn read_b(at: vec4u) -> mat4x4f {
  let s = FOUR * params.strideBk;
  return mat4x4f(four_b(at + s.x), four_b(at + s.y), four_b(at + s.z), four_b(at + s.w));
}
@if(!VEC4) fn four_b(i: vec4u) -> vec4f { return vec4f(Real4(matrixB[i.x], matrixB[i.y], matrixB[i.z], matrixB[i.w])); }

// For the tile kernels, which stage A and B k-major in workgroup memory.

/** op(A)[row .. row + 3][k]. */
fn load_a_column(tile: Tile, row: u32, k: u32) -> vec4f {
  let valid = !K_TAIL || k < tile.kEnd;
  let i = vec4u(tile.a + select(0u, k, valid) * params.strideAk)
    + min(four_from(row), vec4u(params.M - 1u)) * params.strideAm;
  return select(vec4f(), vec4f(Real4(matrixA[i.x], matrixA[i.y], matrixA[i.z], matrixA[i.w])), valid);
}

/** op(B)[k][col .. col + 3]. */
fn load_b_row(tile: Tile, k: u32, col: u32) -> vec4f {
  let valid = !K_TAIL || k < tile.kEnd;
  return select(vec4f(), read_b_row(tile.b + select(0u, k, valid) * params.strideBk, col), valid);
}

@if(VEC4) fn read_b_row(i: u32, col: u32) -> vec4f { return vec4f(matrixB[(i + min(col, params.N - 4u)) / 4u]); }
@else fn read_b_row(i: u32, col: u32) -> vec4f {
  return four_b(i + min(four_from(col), vec4u(params.N - 1u)) * params.strideBn);
}

/** Finishes and stores four sums of a row of C. */
fn store(tile: Tile, row: u32, col: u32, sums: vec4f) {
  store_one(tile, row, col, sums.x);
  store_one(tile, row, col + 1u, sums.y);
  store_one(tile, row, col + 2u, sums.z);
  store_one(tile, row, col + 3u, sums.w);
}

fn store_one(tile: Tile, row: u32, col: u32, sum: f32) {
  if (row < params.M && col < params.N) { finish(tile.c + row * params.N + col, col, sum); }
}

/** Element i of C, which is in column col, from its sum over k. */
fn finish(i: u32, col: u32, sum: f32) {
  var x = params.alpha * sum;
  if (ACCUMULATE) { x += f32(matrixC[i]); }
  matrixC[i] = Real(epilogue(x, i, col));
}

/** The bias's gradient, where C is its weight's: the sum of a row of op(A), kept by the first column of tiles. */
fn store_bias_grad(tile: Tile, row: u32, sum: f32) {
  if (params.hasBiasGrad == 0u || tile.col != 0u || row >= params.M) { return; }
  let i = tile.split * params.M + row;
  var x = params.alpha * sum;
  if (ACCUMULATE) { x += f32(biasGrad[i]); }
  biasGrad[i] = Real(x);
}

/** Bias and activation, or the derivative of an activation as a factor, at element i of C in column col. */
fn epilogue(sum: f32, i: u32, col: u32) -> f32 {
  var x = sum;
  var y = 0.0;
  if (params.hasBias != 0u) { x += f32(bias[col]); }
  if (params.hasSaved != 0u) { y = f32(saved[i]); }
  switch EPILOGUE {
    case 1u: { return gelu(x); }
    case 2u: { return tanh_safe(x); }
    case 3u: { return sigmoid(x); }
    case 4u: { return silu(x); }
    case 5u: { return x * gelu_grad(y); }
    case 6u: { return x * tanh_grad_y(y); }
    case 7u: { return x * sigmoid_grad_y(y); }
    case 8u: { return x * silu_grad(y); }
    default: {
      let negative = select(x < 0.0, y <= 0.0, params.hasSaved != 0u);
      // 0 times infinity would be NaN.
      let scaled = select(params.slope * x, 0.0, params.slope == 0.0);
      return select(x, scaled, negative);
    }
  }
}
