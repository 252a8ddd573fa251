// The part that the attention kernels for GPUs share. A workgroup of 8 x 8 invocations makes tiles of 32 x 32 scores, each invocation
// 4 x 4 of them, from rows staged in workgroup memory; then it multiplies the tile by 32 columns of another operand.
import package::lib::attention::{params, load_q, load_k, load_v, load_grad, times};

const SIDE = 32u;
const THREADS = 64u;
/** Groups of four along a side. */
const QUADS = 8u;
/** One more than SIDE, so that writes down a column spread over the banks. */
const PITCH = 33u;

var<workgroup> stagedA: array<vec4f, 264>; // (QUADS, PITCH): four elements of a row each
var<workgroup> stagedB: array<vec4f, 264>; // the same, or (SIDE, QUADS): rows with four columns each
var<workgroup> staged: array<vec4f, 264>;  // (QUADS, PITCH): the tile of weights, four of a row each
var<workgroup> parts: array<vec4f, 64>;    // (QUADS, QUADS): what the invocations of four rows have for each of these

const Q = 0u;
const K = 1u;
const V = 2u;
const GRAD = 3u;

/** A matrix of an operand, from row `first` on: the offset of the matrix, the stride of its rows, their number. */
struct Rows { operand: u32, start: u32, step: u32, first: u32, count: u32 }

/** Elements i .. i + 3 of a row, which past the end is the last. */
fn load_row(rows: Rows, row: u32, i: u32) -> vec4f {
  let at = rows.start + min(rows.first + row, rows.count - 1u) * rows.step;
  switch rows.operand {
    case Q: { return load_q(at, i); }
    case K: { return load_k(at, i); }
    case V: { return load_v(at, i); }
    default: { return load_grad(at, i); }
  }
}

/** An invocation's 4 x 4 products of rows of a and rows of b, both `depth` long: one column of the matrix per row of a. */
fn products(a: Rows, b: Rows, depth: u32, local: u32) -> mat4x4f {
  let down = local / QUADS;
  let across = local % QUADS;
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  for (var first = 0u; first < depth; first += SIDE) {
    for (var n = 0u; n < 4u; n++) {
      // Neighbouring invocations load along the rows.
      let row = n * QUADS + down;
      let i = first + 4u * across;
      stagedA[across * PITCH + row] = select(vec4f(), load_row(a, row, i), i < depth);
      stagedB[across * PITCH + row] = select(vec4f(), load_row(b, row, i), i < depth);
    }
    workgroupBarrier();
    for (var quad = 0u; quad < QUADS; quad++) {
      let fromA = quad * PITCH + 4u * down;
      let fromB = quad * PITCH + 4u * across;
      let rowsB = transpose(mat4x4f(stagedB[fromB], stagedB[fromB + 1u], stagedB[fromB + 2u], stagedB[fromB + 3u]));
      c0 += times(rowsB, stagedA[fromA]);
      c1 += times(rowsB, stagedA[fromA + 1u]);
      c2 += times(rowsB, stagedA[fromA + 2u]);
      c3 += times(rowsB, stagedA[fromA + 3u]);
    }
    workgroupBarrier();
  }
  return mat4x4f(c0, c1, c2, c3);
}

/** Puts an invocation's part of the tile where `product` reads it; a barrier must follow. */
fn stage_tile(tile: mat4x4f, local: u32) {
  let at = local % QUADS * PITCH + local / QUADS * 4u;
  staged[at] = tile[0];
  staged[at + 1u] = tile[1];
  staged[at + 2u] = tile[2];
  staged[at + 3u] = tile[3];
}

/** The staged tile times SIDE rows of b, of which an invocation gets its rows of the tile and columns col + 4 * across .. + 3. */
fn product(b: Rows, col: u32, local: u32) -> mat4x4f {
  let down = local / QUADS;
  let across = local % QUADS;
  for (var n = 0u; n < 4u; n++) {
    let row = n * QUADS + down;
    stagedB[row * QUADS + across] = load_row(b, row, col + 4u * across);
  }
  workgroupBarrier();
  var c0 = vec4f(); var c1 = vec4f(); var c2 = vec4f(); var c3 = vec4f();
  for (var quad = 0u; quad < QUADS; quad++) {
    let fromA = quad * PITCH + 4u * down;
    let fromB = quad * 4u * QUADS + across;
    let rowsB = mat4x4f(stagedB[fromB], stagedB[fromB + QUADS], stagedB[fromB + 2u * QUADS], stagedB[fromB + 3u * QUADS]);
    c0 += times(rowsB, staged[fromA]);
    c1 += times(rowsB, staged[fromA + 1u]);
    c2 += times(rowsB, staged[fromA + 2u]);
    c3 += times(rowsB, staged[fromA + 3u]);
  }
  workgroupBarrier();
  return mat4x4f(c0, c1, c2, c3);
}

/** The largest x over the invocations of the same four rows, in all of them. */
fn rows_max(x: vec4f, local: u32) -> vec4f {
  parts[local] = x;
  workgroupBarrier();
  var most = x;
  for (var i = 0u; i < QUADS; i++) { most = max(most, parts[local / QUADS * QUADS + i]); }
  workgroupBarrier();
  return most;
}

/** The sum of x over the invocations of the same four rows, in all of them. */
fn rows_sum(x: vec4f, local: u32) -> vec4f {
  parts[local] = x;
  workgroupBarrier();
  var sum = vec4f();
  for (var i = 0u; i < QUADS; i++) { sum += parts[local / QUADS * QUADS + i]; }
  workgroupBarrier();
  return sum;
}
