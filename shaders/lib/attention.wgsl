// Shared by the kernels of attention: y = dropout(softmax(scale q k^T + mask)) v of each matrix of a batch, in tiles of the
// scores, none of which outlives its workgroup. Backward computes the tiles anew from the largest score and the sum of each row.
// Every kernel is linked twice: as it is named, for operands of any strides, and as `<name>_vec4` for such as are contiguous along
// their last dim, with all offsets, strides and widths multiples of 4.
import package::lib::exponential::LARGEST_F32;
import package::lib::random::philox;

struct Params {
  L: u32, S: u32, E: u32, Ev: u32, batches: u32,
  scale: f32,
  threshold: u32, keepScale: f32, seedLow: u32, seedHigh: u32, call: u32, // of dropout
  lead: vec4u, // the dims of the batch, padded with 1 in front
  // Of each operand its strides along these dims, then: offset, stride from row to row, stride from column to column.
  leadQ: vec4u, placeQ: vec4u,
  leadK: vec4u, placeK: vec4u,
  leadV: vec4u, placeV: vec4u,
  leadMask: vec4u, placeMask: vec4u,
  leadY: vec4u, placeY: vec4u,
  leadGradY: vec4u, placeGradY: vec4u,
  leadGradQ: vec4u, placeGradQ: vec4u,
  leadGradK: vec4u, placeGradK: vec4u,
  leadGradV: vec4u, placeGradV: vec4u,
}
@group(0) @binding(0) var<uniform> params: Params;
@if(VEC4) @group(0) @binding(1) var<storage, read> q: array<vec4f>;     // (batch, L, E)
@else @group(0) @binding(1) var<storage, read> q: array<f32>;
@if(VEC4) @group(0) @binding(2) var<storage, read> k: array<vec4f>;     // (batch, S, E)
@else @group(0) @binding(2) var<storage, read> k: array<f32>;
@if(VEC4) @group(0) @binding(3) var<storage, read> v: array<vec4f>;     // (batch, S, Ev)
@else @group(0) @binding(3) var<storage, read> v: array<f32>;
@group(0) @binding(4) var<storage, read> mask: array<u32>;              // (batch, L, S), broadcast: bool, or the bits of f32
@if(VEC4) @group(0) @binding(5) var<storage, read> gradY: array<vec4f>; // (batch, L, Ev)
@else @group(0) @binding(5) var<storage, read> gradY: array<f32>;

override CAUSAL: bool = false;
// 1: a boolean mask, 2: one that is added to the scores.
override MASK: u32 = 0;
override DROPOUT: bool = false;

const FOUR = vec4u(0u, 1u, 2u, 3u);
/** The score of a pair that may not attend. */
const FORBIDDEN = -LARGEST_F32;

/** A workgroup's tile: its first row, the first column of what it writes, its place in the batch by dim. */
struct Tile { row: u32, col: u32, batch: u32, lead: vec4u }

fn tile_of(group: u32, length: u32, rows: u32, width: u32, cols: u32) -> Tile {
  let across = (width + cols - 1u) / cols;
  let down = (length + rows - 1u) / rows;
  let batch = group / (across * down);
  var lead = vec4u();
  var rest = batch;
  for (var i = 0u; i < 4u; i++) {
    lead[3u - i] = rest % params.lead[3u - i];
    rest /= params.lead[3u - i];
  }
  return Tile(group / across % down * rows, group % across * cols, batch, lead);
}

/** Offset of an operand's matrix. */
fn start_of(lead: vec4u, place: vec4u, tile: Tile) -> u32 { return place.x + dot(lead, tile.lead); }

/** Offsets of four rows of an operand; those past the end are the last. */
fn rows_from(start: u32, place: vec4u, row: u32, length: u32) -> vec4u {
  return start + min(row + FOUR, vec4u(length - 1u)) * place.y;
}

/** Elements i .. i + 3 of the row at an offset; zeros past the end. */
@if(VEC4) fn load_q(at: u32, i: u32) -> vec4f { return q[(at + i) / 4u]; }
@if(VEC4) fn load_k(at: u32, i: u32) -> vec4f { return k[(at + i) / 4u]; }
@if(VEC4) fn load_v(at: u32, i: u32) -> vec4f { return v[(at + i) / 4u]; }
@if(VEC4) fn load_grad(at: u32, i: u32) -> vec4f { return gradY[(at + i) / 4u]; }
@if(!VEC4) fn load_q(at: u32, i: u32) -> vec4f {
  let j = at + (i + FOUR) * params.placeQ.z;
  return select(vec4f(), vec4f(q[j.x], q[j.y], q[j.z], q[j.w]), i + FOUR < vec4u(params.E));
}
@if(!VEC4) fn load_k(at: u32, i: u32) -> vec4f {
  let j = at + (i + FOUR) * params.placeK.z;
  return select(vec4f(), vec4f(k[j.x], k[j.y], k[j.z], k[j.w]), i + FOUR < vec4u(params.E));
}
@if(!VEC4) fn load_v(at: u32, i: u32) -> vec4f {
  let j = at + (i + FOUR) * params.placeV.z;
  return select(vec4f(), vec4f(v[j.x], v[j.y], v[j.z], v[j.w]), i + FOUR < vec4u(params.Ev));
}
@if(!VEC4) fn load_grad(at: u32, i: u32) -> vec4f {
  let j = at + (i + FOUR) * params.placeGradY.z;
  return select(vec4f(), vec4f(gradY[j.x], gradY[j.y], gradY[j.z], gradY[j.w]), i + FOUR < vec4u(params.Ev));
}

/** Elements i .. i + 3 of four rows, one column of the matrix per i. */
fn columns_q(at: vec4u, i: u32) -> mat4x4f {
  return transpose(mat4x4f(load_q(at.x, i), load_q(at.y, i), load_q(at.z, i), load_q(at.w, i)));
}
fn columns_k(at: vec4u, i: u32) -> mat4x4f {
  return transpose(mat4x4f(load_k(at.x, i), load_k(at.y, i), load_k(at.z, i), load_k(at.w, i)));
}
fn columns_v(at: vec4u, i: u32) -> mat4x4f {
  return transpose(mat4x4f(load_v(at.x, i), load_v(at.y, i), load_v(at.z, i), load_v(at.w, i)));
}
fn columns_grad(at: vec4u, i: u32) -> mat4x4f {
  return transpose(mat4x4f(load_grad(at.x, i), load_grad(at.y, i), load_grad(at.z, i), load_grad(at.w, i)));
}

/** Four rows, elements i .. i + 3, one row per column of the matrix. */
fn rows_q(at: vec4u, i: u32) -> mat4x4f {
  return mat4x4f(load_q(at.x, i), load_q(at.y, i), load_q(at.z, i), load_q(at.w, i));
}
fn rows_k(at: vec4u, i: u32) -> mat4x4f {
  return mat4x4f(load_k(at.x, i), load_k(at.y, i), load_k(at.z, i), load_k(at.w, i));
}
fn rows_v(at: vec4u, i: u32) -> mat4x4f {
  return mat4x4f(load_v(at.x, i), load_v(at.y, i), load_v(at.z, i), load_v(at.w, i));
}
fn rows_grad(at: vec4u, i: u32) -> mat4x4f {
  return mat4x4f(load_grad(at.x, i), load_grad(at.y, i), load_grad(at.z, i), load_grad(at.w, i));
}

/** b * a as four products in the open: software adapters make faster code of it than of a matrix times a vector. */
fn times(b: mat4x4f, a: vec4f) -> vec4f { return b[0] * a.x + b[1] * a.y + b[2] * a.z + b[3] * a.w; }

/** The keys, from the first on, that some of the queries before `rowEnd` may see. */
fn key_end(rowEnd: u32) -> u32 { return select(params.S, min(rowEnd, params.S), CAUSAL); }

/** True for the pairs of four rows and four keys that are no pairs, or may not attend by their order. */
fn outside(row: vec4u, key: vec4u) -> vec4<bool> {
  let past = (row >= vec4u(params.L)) | (key >= vec4u(params.S));
  if (CAUSAL) { return past | (key > row); }
  return past;
}

/** The scores of four pairs of a row and a key from their products. `start` is the mask's matrix. */
fn scores_of(products: vec4f, row: vec4u, key: vec4u, start: u32) -> vec4f {
  var scores = products * params.scale;
  var forbidden = outside(row, key);
  if (MASK != 0u) {
    let j = start + row * params.placeMask.y + key * params.placeMask.z;
    let words = vec4u(mask[j.x], mask[j.y], mask[j.z], mask[j.w]);
    if (MASK == 1u) { forbidden |= words == vec4u(); } else { scores += bitcast<vec4f>(words); }
  }
  return select(scores, vec4f(FORBIDDEN), forbidden);
}

/** exp(score - most): 0 for forbidden pairs and differences beyond -87, NaN for NaN. */
fn weights_of(scores: vec4f, most: vec4f) -> vec4f {
  return select(exp_difference(scores - most), vec4f(), scores == vec4f(FORBIDDEN));
}

/** exp(d) for d near or below 0. */
fn exp_difference(d: vec4f) -> vec4f {
  let isTiny = d < vec4f(-87.0);
  let x = select(d, vec4f(), isTiny);
  let n = round(x * 1.442695041);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let series = 0.5000000059 + r * (0.1666666684 + r * (0.04166630255 + r * (0.008333267302 + r * (0.001394517291 + r * 0.0001991780945))));
  let power = 1.0 + (r + r * r * series);
  return select(power * bitcast<vec4f>((vec4i(n) + 127) << vec4u(23u)), vec4f(), isTiny);
}

/** True for those of four keys, from `key` on, that dropout keeps. */
fn is_kept(batch: u32, row: u32, key: u32) -> vec4<bool> {
  // As dropout of all weights (batch, L, S) would draw them.
  let first = (batch * params.L + row) * params.S + key;
  let words = philox(first / 4u, params.call, params.seedLow, params.seedHigh);
  let skip = first % 4u;
  if (skip == 0u) { return words >= vec4u(params.threshold); }
  let next = philox(first / 4u + 1u, params.call, params.seedLow, params.seedHigh);
  let shifted = select(select(vec4u(words.w, next.xyz), vec4u(words.zw, next.xy), skip == 2u), vec4u(words.yzw, next.x), skip == 1u);
  return shifted >= vec4u(params.threshold);
}

/** Dropout of what belongs to four keys. */
fn dropped(x: vec4f, isKept: vec4<bool>) -> vec4f { return select(vec4f(), x * params.keepScale, isKept); }

fn total4(x: vec4f) -> f32 { return (x.x + x.y) + (x.z + x.w); }
fn largest4(x: vec4f) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
