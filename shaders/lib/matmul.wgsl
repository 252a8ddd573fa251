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
@group(0) @binding(1) var<storage, read> a: array<f32>;              // (batch, M, K) or (batch, K, M)
@group(0) @binding(2) var<storage, read> b: array<vec4f>;            // (batch, K, N) or (batch, N, K)
@group(0) @binding(3) var<storage, read> bias: array<f32>;           // (N)
@group(0) @binding(4) var<storage, read> saved: array<f32>;          // (batch, M, N), what the activation's derivative is computed from
@group(0) @binding(5) var<storage, read_write> c: array<f32>;        // (splits, batch, M, N)
@group(0) @binding(6) var<storage, read_write> biasGrad: array<f32>; // (splits, M): sums of op(A) over k

// How B is read: vec4 along n or along k where the length of its rows allows, else by scalars.
override B_ROWS: u32 = 0;
const SCALARS = 0u;
const VEC4_ALONG_N = 1u;
const VEC4_ALONG_K = 2u;
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
  return Tile((group / across) % down * rows, group % across * cols, kBegin, min(kBegin + params.splitK, params.K),
    batch * params.batchStrideA, batch * params.batchStrideB, slot * params.M * params.N, split, batch);
}

/** op(A)[row][k .. k + 3]. Rows past the end read the last one: they are not stored. */
fn load_a(tile: Tile, row: u32, k: u32) -> vec4f {
  let s = params.strideAk;
  let i = tile.a + min(row, params.M - 1u) * params.strideAm + k * s;
  if (!K_TAIL) { return vec4f(a[i], a[i + s], a[i + 2u * s], a[i + 3u * s]); }
  let inside = vec4u(k) + vec4u(0u, 1u, 2u, 3u) < vec4u(tile.kEnd);
  let j = select(vec4u(tile.a), vec4u(i, i + s, i + 2u * s, i + 3u * s), inside);
  return select(vec4f(), vec4f(a[j.x], a[j.y], a[j.z], a[j.w]), inside);
}

/** op(A)[row .. row + 3][k]. */
fn load_a_column(tile: Tile, row: u32, k: u32) -> vec4f {
  let inside = !K_TAIL || k < tile.kEnd;
  let i = vec4u(tile.a + select(0u, k, inside) * params.strideAk)
    + min(vec4u(row) + vec4u(0u, 1u, 2u, 3u), vec4u(params.M - 1u)) * params.strideAm;
  return select(vec4f(), vec4f(a[i.x], a[i.y], a[i.z], a[i.w]), inside);
}

/** op(B)[k .. k + 3][col .. col + 3], one column of the matrix per k. Columns past the end read the last ones. */
fn load_b(tile: Tile, k: u32, col: u32) -> mat4x4f {
  if (B_ROWS == VEC4_ALONG_K) {
    let i = (tile.b + k) / 4u;
    let n = min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(params.N - 1u)) * (params.strideBn / 4u);
    return transpose(mat4x4f(b[i + n.x], b[i + n.y], b[i + n.z], b[i + n.w]));
  }
  return mat4x4f(load_b_row(tile, k, col), load_b_row(tile, k + 1u, col), load_b_row(tile, k + 2u, col), load_b_row(tile, k + 3u, col));
}

/** op(B)[k][col .. col + 3]. */
fn load_b_row(tile: Tile, k: u32, col: u32) -> vec4f {
  let inside = !K_TAIL || k < tile.kEnd;
  let i = tile.b + select(0u, k, inside) * params.strideBk;
  var row: vec4f;
  if (B_ROWS == VEC4_ALONG_N) {
    row = b[(i + min(col, params.N - 4u)) / 4u];
  } else {
    let n = i + min(vec4u(col) + vec4u(0u, 1u, 2u, 3u), vec4u(params.N - 1u)) * params.strideBn;
    row = vec4f(b[n.x / 4u][n.x % 4u], b[n.y / 4u][n.y % 4u], b[n.z / 4u][n.z % 4u], b[n.w / 4u][n.w % 4u]);
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
  if (ACCUMULATE) { x += c[i]; }
  c[i] = epilogue(x, i, col);
}

/** The gradient of the bias before, where C is the gradient of a weight: sums of op(A)'s rows, kept by the first column of tiles. */
fn store_bias_grad(tile: Tile, row: u32, sum: f32) {
  if (params.hasBiasGrad == 0u || tile.col != 0u || row >= params.M) { return; }
  let i = tile.split * params.M + row;
  if (ACCUMULATE) { biasGrad[i] += params.alpha * sum; } else { biasGrad[i] = params.alpha * sum; }
}

/** Bias, activation and the derivative of the activation before, at element i of C in column col. */
fn epilogue(sum: f32, i: u32, col: u32) -> f32 {
  let x = sum + select(0.0, bias[col], params.hasBias != 0u);
  let y = saved[i];
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
      return select(x, params.slope * x, negative);
    }
  }
}
