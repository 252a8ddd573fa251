// What all matmul kernels share: C[i] = epilogue(alpha * op(A[i]) op(B[i])) for each matrix i of a batch. op(A) is (M, K) and
// op(B) is (K, N), both read by strides, so that a transposed operand costs nothing. Sums over k are in ascending order.
import package::lib::activation::{gelu, gelu_grad, silu, silu_grad, sigmoid, sigmoid_grad_y, tanh_safe, tanh_grad_y};

struct Params {
  M: u32, N: u32, K: u32,
  strideAm: u32, strideAk: u32, batchStrideA: u32, // in elements; a batch stride of 0 broadcasts
  strideBk: u32, strideBn: u32, batchStrideB: u32,
  batches: u32, splits: u32, splitK: u32,          // each of `splits` workgroups sums splitK of the K products, a multiple of 16
  hasBias: u32, hasSaved: u32, hasBiasGrad: u32,
  alpha: f32, slope: f32,                          // slope: of the activation below 0; 1 for none, 0 for relu
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> matrixA: array<vec4f>;      // (batch, M, K) or (batch, K, M)
@group(0) @binding(2) var<storage, read> matrixB: array<vec4f>;      // (batch, K, N) or (batch, N, K)
@group(0) @binding(3) var<storage, read> bias: array<f32>;           // (N)
@group(0) @binding(4) var<storage, read> saved: array<f32>;          // (batch, M, N): what the derivative is computed from
@group(0) @binding(5) var<storage, read_write> matrixC: array<f32>;  // (splits, batch, M, N)
@group(0) @binding(6) var<storage, read_write> biasGrad: array<f32>; // (splits, M): sums of op(A) over k

// How B is read: vec4 along n or along k where the length of its rows allows, else by scalars.
override B_ROWS: u32 = 0;
const SCALARS = 0u;
const VEC4_ALONG_N = 1u;
const VEC4_ALONG_K = 2u;
// Whether load_a may read vec4 along k: one pipeline more where A comes both ways, so only for kernels that need it.
override A_VEC4: bool = false;
// K is no multiple of what the kernel sums per iteration: guards its loads.
override K_TAIL: bool = false;
// Adds to what C and the bias gradient hold, before the epilogue.
override ACCUMULATE: bool = false;
// The epilogue by the numbers below. Piecewise linear functions share one pipeline and differ by `slope`.
override EPILOGUE: u32 = 0;

/** Where a workgroup's tile of C lies; a, b and c are the offsets of its matrices. */
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

fn a_at(i: u32) -> f32 { return matrixA[i / 4u][i % 4u]; }
fn b_at(i: u32) -> f32 { return matrixB[i / 4u][i % 4u]; }
fn four_from(i: u32) -> vec4u { return i + vec4u(0u, 1u, 2u, 3u); }

/** op(A)[row][k .. k + 3]. Rows past the end read the last one: they are not stored. */
fn load_a(tile: Tile, row: u32, k: u32) -> vec4f {
  let s = params.strideAk;
  let i = tile.a + min(row, params.M - 1u) * params.strideAm + k * s;
  if (A_VEC4) { return matrixA[i / 4u]; }
  if (!K_TAIL) { return vec4f(a_at(i), a_at(i + s), a_at(i + 2u * s), a_at(i + 3u * s)); }
  let inside = four_from(k) < vec4u(tile.kEnd);
  let j = select(vec4u(tile.a), vec4u(i, i + s, i + 2u * s, i + 3u * s), inside);
  return select(vec4f(), vec4f(a_at(j.x), a_at(j.y), a_at(j.z), a_at(j.w)), inside);
}

/** op(A)[row .. row + 3][k]. */
fn load_a_column(tile: Tile, row: u32, k: u32) -> vec4f {
  let inside = !K_TAIL || k < tile.kEnd;
  let i = vec4u(tile.a + select(0u, k, inside) * params.strideAk)
    + min(four_from(row), vec4u(params.M - 1u)) * params.strideAm;
  return select(vec4f(), vec4f(a_at(i.x), a_at(i.y), a_at(i.z), a_at(i.w)), inside);
}

/** op(B)[k .. k + 3][col .. col + 3], one column of the matrix per k. Columns past the end read the last ones. */
fn load_b(tile: Tile, k: u32, col: u32) -> mat4x4f {
  if (B_ROWS == VEC4_ALONG_K) {
    let i = (tile.b + k) / 4u;
    let n = min(four_from(col), vec4u(params.N - 1u)) * (params.strideBn / 4u);
    return transpose(mat4x4f(matrixB[i + n.x], matrixB[i + n.y], matrixB[i + n.z], matrixB[i + n.w]));
  }
  return mat4x4f(load_b_row(tile, k, col), load_b_row(tile, k + 1u, col),
    load_b_row(tile, k + 2u, col), load_b_row(tile, k + 3u, col));
}

/** op(B)[k][col .. col + 3]. */
fn load_b_row(tile: Tile, k: u32, col: u32) -> vec4f {
  let inside = !K_TAIL || k < tile.kEnd;
  let i = tile.b + select(0u, k, inside) * params.strideBk;
  var row: vec4f;
  if (B_ROWS == VEC4_ALONG_N) {
    row = matrixB[(i + min(col, params.N - 4u)) / 4u];
  } else {
    let n = i + min(four_from(col), vec4u(params.N - 1u)) * params.strideBn;
    row = vec4f(b_at(n.x), b_at(n.y), b_at(n.z), b_at(n.w));
  }
  return select(vec4f(), row, inside);
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
  if (ACCUMULATE) { x += matrixC[i]; }
  matrixC[i] = epilogue(x, i, col);
}

/** The bias's gradient, where C is its weight's: the sum of a row of op(A), kept by the first column of tiles. */
fn store_bias_grad(tile: Tile, row: u32, sum: f32) {
  if (params.hasBiasGrad == 0u || tile.col != 0u || row >= params.M) { return; }
  let i = tile.split * params.M + row;
  if (ACCUMULATE) { biasGrad[i] += params.alpha * sum; } else { biasGrad[i] = params.alpha * sum; }
}

/** Bias and activation, or the derivative of an activation as a factor, at element i of C in column col. */
fn epilogue(sum: f32, i: u32, col: u32) -> f32 {
  var x = sum;
  var y = 0.0;
  if (params.hasBias != 0u) { x += bias[col]; }
  if (params.hasSaved != 0u) { y = saved[i]; }
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
