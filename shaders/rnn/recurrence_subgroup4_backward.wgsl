// Backward of recurrence_subgroup4: one subgroup takes ROWS rows back through time. In each step its lanes go through
// the units, and then add the gates' gradients times the weight to that of the state before. As there, without a
// barrier.
// @flops 2 * time * gateStride * width
import package::lib::element::Element;
import package::lib::recurrent::GATES;
import package::lib::recurrent_backward::{carry, gradGates, retreat};
import package::lib::recurrence::{params, time_of, units_at, gradients_at, gate_stride, row_width};
enable subgroups;

@group(0) @binding(8) var<storage, read> weight: array<Element>; // (GATES, width, width)

const LANES = 4u;
const MOST_ROWS = 16u;
override ROWS: u32; // at most MOST_ROWS
const FOUR = vec4u(0u, 1u, 2u, 3u);

/** Units, and gates of all units. */
fn all_units() -> u32 { return params.width; }
fn all_gates() -> u32 { return GATES * all_units(); }

/** weight[row][column .. column + 3]; zeros past the last row. */
@if(VEC4) fn four_weights(row: u32, column: u32) -> vec4f { return weight[row * row_width() + min(column / 4u, row_width() - 1u)]; }
@else fn four_weights(row: u32, column: u32) -> vec4f {
  let at = min(row, all_gates() - 1u) * all_units() + min(column + FOUR, vec4u(all_units() - 1u));
  return select(vec4f(), vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]), row < all_gates());
}

/** Gradients of gates j .. j + 3 of the row that starts at i; zeros past its end. */
@if(VEC4) fn four_gates(i: u32, j: u32) -> vec4f { return gradGates[i + j / 4u]; }
@else fn four_gates(i: u32, j: u32) -> vec4f {
  let at = i + j;
  let values = vec4f(gradGates[at], gradGates[at + 1u], gradGates[at + 2u], gradGates[at + 3u]);
  return select(vec4f(), values, j + FOUR < vec4u(all_gates()));
}

@if(VEC4) fn add_to_carry(row: u32, column: u32, sum: vec4f) {
  if (column < all_units()) { carry[row * row_width() + column / 4u] += sum; }
}
@else fn add_to_carry(row: u32, column: u32, sum: vec4f) {
  let i = row * all_units() + column;
  if (column < all_units()) { carry[i] += sum.x; }
  if (column + 1u < all_units()) { carry[i + 1u] += sum.y; }
  if (column + 2u < all_units()) { carry[i + 2u] += sum.z; }
  if (column + 3u < all_units()) { carry[i + 3u] += sum.w; }
}

/** b * a as four products per column in the open: lavapipe makes faster code of it than of a matrix times a vector. */
fn times(b: mat4x4f, a: vec4f) -> vec4f { return b[0] * a.x + b[1] * a.y + b[2] * a.z + b[3] * a.w; }

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let first = (wid.x + wid.y * nwg.x) * ROWS;
  let rows = min(ROWS, params.batch - first);
  for (var step = 0u; step < params.time; step++) {
    let t = time_of(params.time - 1u - step);
    for (var r = 0u; r < rows; r++) {
      for (var unit = lane; unit < row_width(); unit += LANES) {
        retreat(units_at(t, t * gate_stride(), first + r, unit), gradients_at(t, first + r, unit), row_width());
      }
    }
    if (step + 1u < params.time || params.needsStart != 0u) {
      for (var column = 0u; column < all_units(); column += 4u * LANES) { carry_back(t, first, column + 4u * lane, lane); }
    }
  }
}

/** Adds to four columns of the state's gradient what comes through the gates. */
fn carry_back(t: u32, first: u32, column: u32, lane: u32) {
  var c: array<vec4f, MOST_ROWS>; // @registers
  var at: array<u32, 4>; // @registers
  for (var q = 0u; q < 4u; q++) { // @unroll
    at[q] = t * gate_stride() + min(first + lane + q * LANES, params.batch - 1u) * GATES * row_width();
  }
  for (var j = 0u; j < all_gates(); j += 4u) {
    let b = mat4x4f(
      four_weights(j, column), four_weights(j + 1u, column),
      four_weights(j + 2u, column), four_weights(j + 3u, column),
    );
    var a: array<vec4f, 4>; // @values
    for (var q = 0u; q < 4u; q++) { // @unroll
      a[q] = four_gates(at[q], j);
    }
    for (var q = 0u; q < 4u; q++) { // @unroll
      for (var r = 0u; r < LANES; r++) { // @unroll
        if (LANES * q + r < ROWS) { c[LANES * q + r] += times(b, quadBroadcast(a[q], r)); }
      }
    }
  }
  // Through an array, so that the store is in the code once and not 16 times.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.batch - first); r++) { add_to_carry(first + r, column, sums[r]); }
}
