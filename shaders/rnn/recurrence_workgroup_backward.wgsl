// Backward of recurrence_workgroup: a workgroup takes four rows back through time. The gradients of a step's gates
// stand in workgroup memory, a vector of the four rows for each gate; a thread carries the gradients of its own
// units.
// @flops 2 * time * gateStride * width
import package::lib::element::{Element, WIDTH, component};
import package::lib::recurrent::GATES;
import package::lib::recurrent_backward::{carry, gradGates, retreat};
import package::lib::recurrence::{params, time_of, units_at, gradients_at, gate_stride, row_width};

@group(0) @binding(8) var<storage, read> weight: array<Element>; // (GATES, width, width)

override WORKGROUP: u32 = 64;
override ALL_GATES: u32; // GATES times the units
const ROWS = 4u;

var<workgroup> stepGates: array<vec4f, ALL_GATES>;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = (wid.x + wid.y * nwg.x) * ROWS;
  let rows = min(ROWS, params.batch - first);
  for (var step = 0u; step < params.time; step++) {
    let t = time_of(params.time - 1u - step);
    for (var unit = thread; unit < row_width(); unit += WORKGROUP) { take_back(t, first, rows, unit); }
    workgroupBarrier();
    if (step + 1u < params.time || params.needsStart != 0u) {
      for (var unit = thread; unit < row_width(); unit += WORKGROUP) { carry_back(first, rows, unit); }
    }
    workgroupBarrier();
  }
}

fn take_back(t: u32, first: u32, rows: u32, unit: u32) {
  for (var r = 0u; r < rows; r++) {
    let at = units_at(t, t * gate_stride(), first + r, unit);
    retreat(at, gradients_at(t, first + r, unit), row_width());
    for (var g = 0u; g < GATES; g++) {
      let gate = gradGates[at.gate + g * row_width()];
      for (var k = 0u; k < WIDTH; k++) { stepGates[(g * row_width() + unit) * WIDTH + k][r] = component(gate, k); }
    }
  }
}

fn carry_back(first: u32, rows: u32, unit: u32) {
  var z: array<Element, 4>; // @registers
  for (var j = 0u; j < ALL_GATES; j++) {
    let gate = weight[j * row_width() + unit];
    let g = stepGates[j];
    z[0] += gate * g.x;
    z[1] += gate * g.y;
    z[2] += gate * g.z;
    z[3] += gate * g.w;
  }
  var sums = z;
  for (var r = 0u; r < rows; r++) { carry[(first + r) * row_width() + unit] += sums[r]; }
}
