// All steps of a recurrent layer on GPUs: a workgroup takes four rows through time, a thread the units that are its
// own. The state stands in workgroup memory, a vector of the four rows for each unit.
// @flops 2 * time * gateStride * width
import package::lib::element::{Element, WIDTH, component};
import package::lib::recurrent::{GATES, KEEPS_GATES, gates, hidden, advance};
import package::lib::recurrence::{params, time_of, state_before, units_at, gate_stride, row_width};

@group(0) @binding(5) var<storage, read> weight: array<Element>; // (width, GATES, width): turned, so that neighbors read neighbors
@group(0) @binding(6) var<storage, read> bias: array<Element>;   // (GATES, width)

override WORKGROUP: u32 = 64;
override UNITS: u32;
const ROWS = 4u;

var<workgroup> state: array<vec4f, UNITS>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (wid.x + wid.y * nwg.x) * ROWS;
  for (var step = 0u; step < params.time; step++) {
    let t = time_of(step);
    for (var unit = thread; unit < UNITS; unit += WORKGROUP) { state[unit] = rows_of(t, first, unit); }
    workgroupBarrier();
    for (var unit = thread; unit < row_width(); unit += WORKGROUP) { step_units(t, first, unit); }
    storageBarrier();
    workgroupBarrier();
  }
}

/** A unit of the four rows before a time; rows past the end are the last. */
fn rows_of(t: u32, first: u32, unit: u32) -> vec4f {
  let at = state_before(t) + min(first + vec4u(0u, 1u, 2u, 3u), vec4u(params.batch - 1u)) * row_width() + unit / WIDTH;
  let k = unit % WIDTH;
  return vec4f(component(hidden[at.x], k), component(hidden[at.y], k), component(hidden[at.z], k), component(hidden[at.w], k));
}

fn step_units(t: u32, first: u32, unit: u32) {
  let w = row_width();
  // Four rows of each gate.
  var z: array<Element, 16>; // @registers
  for (var k = 0u; k < UNITS; k++) {
    let h = state[k];
    for (var g = 0u; g < 4u; g++) { // @unroll
      if (g < GATES) {
        let gate = weight[(k * GATES + g) * w + unit];
        z[4u * g] += gate * h.x;
        z[4u * g + 1u] += gate * h.y;
        z[4u * g + 2u] += gate * h.z;
        z[4u * g + 3u] += gate * h.w;
      }
    }
  }
  var sums = z;
  let gatesAt = select(0u, t * gate_stride(), KEEPS_GATES);
  for (var r = 0u; r < min(ROWS, params.batch - first); r++) {
    let at = units_at(t, gatesAt, first + r, unit);
    for (var g = 0u; g < GATES; g++) { gates[at.gate + g * w] = sums[4u * g + r] + offset_of(g * w + unit); }
    advance(at, w);
  }
}

fn offset_of(gate: u32) -> Element {
  if (params.hasBias == 0u) { return Element(); }
  return bias[gate];
}
