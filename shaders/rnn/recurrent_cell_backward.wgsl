// Backward of recurrent_cell: from the gradient of a step's state to those of its gates and of the state before it.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::recurrent::{GATES, Units};
import package::lib::recurrent_backward::{UnitGradients, retreat};

struct Params {
  size: u32,       // batch * width, in Elements as all of these
  width: u32,
  inputAt: u32,    // offset of the step in inputs
  outputAt: u32,   // and in gradOutput
  previousAt: u32, // offset of the state before the step, in hidden and cells
  nextAt: u32,     // and of the state after it
  cellAt: u32,     // offset of the cell's gradient in carry
}
@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let w = params.width;
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let gate = (i / w) * GATES * w + i % w;
    let units = Units(params.inputAt + gate, gate, params.previousAt + i, params.nextAt + i);
    retreat(units, UnitGradients(params.outputAt + i, i, params.cellAt + i), w);
  }
}
