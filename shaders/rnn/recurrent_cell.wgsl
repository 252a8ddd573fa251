// One time step of a recurrent layer after the matmul with the hidden state: adds the input's part and applies the
// cell.
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};
import package::lib::recurrent::{GATES, Units, advance};

struct Params {
  size: u32,       // batch * width, in Elements as all of these
  width: u32,
  inputAt: u32,    // offset of the step in inputs
  previousAt: u32, // offset of the state before the step, in hidden and cells
  nextAt: u32,     // and of the state after it
}
@group(0) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let w = params.width;
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let gate = (i / w) * GATES * w + i % w;
    advance(Units(params.inputAt + gate, gate, params.previousAt + i, params.nextAt + i), w);
  }
}
