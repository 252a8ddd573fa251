// All steps of a recurrent layer on software adapters whose subgroups are 4 wide: one subgroup takes ROWS rows
// through time. In each step its lanes, four gates each, multiply the state by the weight, and then apply the cell.
// There is no barrier: these adapters run a subgroup as one thread of vectors, whose stores come before the loads
// that follow; a barrier would keep all sums in memory.
// @flops 2 * time * gateStride * width
import package::lib::element::Element;
import package::lib::recurrent::{GATES, KEEPS_GATES, gates, hidden, advance};
import package::lib::recurrence::{params, time_of, state_before, units_at, gate_stride, row_width};
enable subgroups;

@group(0) @binding(5) var<storage, read> weight: array<Element>; // (GATES, width, width)
@group(0) @binding(6) var<storage, read> bias: array<f32>;       // (GATES, width)

const LANES = 4u;
const MOST_ROWS = 16u;
override ROWS: u32; // at most MOST_ROWS
const FOUR = vec4u(0u, 1u, 2u, 3u);

/** Units, and gates of all units. */
fn all_units() -> u32 { return params.width; }
fn all_gates() -> u32 { return GATES * all_units(); }

/** weight[row][k .. k + 3]; zeros past the end of the row. */
@if(VEC4) fn four_weights(row: u32, k: u32) -> vec4f { return weight[row * row_width() + k / 4u]; }
@else fn four_weights(row: u32, k: u32) -> vec4f {
  let at = row * all_units() + min(k + FOUR, vec4u(all_units() - 1u));
  return select(vec4f(), vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]), k + FOUR < vec4u(all_units()));
}

/** Units k .. k + 3 of the state that starts at i; zeros past its end. */
@if(VEC4) fn four_states(i: u32, k: u32) -> vec4f { return hidden[i + k / 4u]; }
@else fn four_states(i: u32, k: u32) -> vec4f {
  let at = i + k;
  let values = vec4f(hidden[at], hidden[at + 1u], hidden[at + 2u], hidden[at + 3u]);
  return select(vec4f(), values, k + FOUR < vec4u(all_units()));
}

@if(VEC4) fn store(i: u32, column: u32, z: vec4f) {
  if (column < all_gates()) { gates[i + column / 4u] = z; }
}
@else fn store(i: u32, column: u32, z: vec4f) {
  if (column < all_gates()) { gates[i + column] = z.x; }
  if (column + 1u < all_gates()) { gates[i + column + 1u] = z.y; }
  if (column + 2u < all_gates()) { gates[i + column + 2u] = z.z; }
  if (column + 3u < all_gates()) { gates[i + column + 3u] = z.w; }
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
    let t = time_of(step);
    let gatesAt = select(0u, t * gate_stride(), KEEPS_GATES);
    for (var column = 0u; column < all_gates(); column += 4u * LANES) { project(t, gatesAt, first, column + 4u * lane, lane); }
    for (var r = 0u; r < rows; r++) {
      for (var unit = lane; unit < row_width(); unit += LANES) { advance(units_at(t, gatesAt, first + r, unit), row_width()); }
    }
  }
}

/** The hidden state's part of four gates in all rows: into gates. */
fn project(t: u32, gatesAt: u32, first: u32, column: u32, lane: u32) {
  let columns = min(column + FOUR, vec4u(all_gates() - 1u));
  var c: array<vec4f, MOST_ROWS>; // @registers
  var at: array<u32, 4>; // @registers
  for (var q = 0u; q < 4u; q++) { // @unroll
    at[q] = state_before(t) + min(first + lane + q * LANES, params.batch - 1u) * row_width();
  }
  for (var k = 0u; k < all_units(); k += 4u) {
    let b = transpose(mat4x4f(
      four_weights(columns.x, k), four_weights(columns.y, k),
      four_weights(columns.z, k), four_weights(columns.w, k),
    ));
    var a: array<vec4f, 4>; // @values
    for (var q = 0u; q < 4u; q++) { // @unroll
      a[q] = four_states(at[q], k);
    }
    for (var q = 0u; q < 4u; q++) { // @unroll
      for (var r = 0u; r < LANES; r++) { // @unroll
        if (LANES * q + r < ROWS) { c[LANES * q + r] += times(b, quadBroadcast(a[q], r)); }
      }
    }
  }
  var offset = vec4f();
  if (params.hasBias != 0u) { offset = vec4f(bias[columns.x], bias[columns.y], bias[columns.z], bias[columns.w]); }
  // Through an array, so that the store is in the code once and not 16 times.
  var sums = c;
  for (var r = 0u; r < min(ROWS, params.batch - first); r++) {
    store(gatesAt + (first + r) * GATES * row_width(), column, sums[r] + offset);
  }
}
