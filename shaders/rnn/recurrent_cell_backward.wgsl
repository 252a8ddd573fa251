// Backward of recurrent_cell: from the gradient of a step's state to those of its gates and of the state before it.
import package::lib::activation::{tanh_safe, relu_grad_y, sigmoid_grad_y, tanh_grad_y};
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  size: u32,       // batch * width
  width: u32,
  inputAt: u32,    // offset of the step in inputs
  outputAt: u32,   // and in gradOutput
  previousAt: u32, // offset of the state before the step, in hidden and cells
  nextAt: u32,     // and of the state after it
  cellAt: u32,     // offset of the cell's gradient in carry
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gates: array<f32>;            // (batch, GATES, width), as recurrent_cell wrote them
@group(0) @binding(2) var<storage, read> inputs: array<f32>;           // (time, batch, GATES, width); used by the GRU only
@group(0) @binding(3) var<storage, read> hidden: array<f32>;           // (time + 1, batch, width), each step padded
@group(0) @binding(4) var<storage, read> cells: array<f32>;            // like hidden; used by the LSTM only
@group(0) @binding(5) var<storage, read> gradOutput: array<f32>;       // (time, batch, width)
@group(0) @binding(6) var<storage, read_write> carry: array<f32>;      // gradient of the state: (batch, width) of hidden, then of the cell
@group(0) @binding(7) var<storage, read_write> gradInputs: array<f32>; // (batch, GATES, width); written by the GRU, elsewhere equal to gradGates
@group(0) @binding(8) var<storage, read_write> gradGates: array<f32>;  // (batch, GATES, width)
override CELL: u32; // as in recurrent_cell
override GATES: u32;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let w = params.width;
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let at = (i / w) * GATES * w + i % w;
    let g = gradOutput[params.outputAt + i] + carry[i];
    let h = hidden[params.nextAt + i];
    var direct = 0.0;
    if (CELL == 0u) {
      gradGates[at] = g * tanh_grad_y(h);
    } else if (CELL == 1u) {
      gradGates[at] = g * relu_grad_y(h);
    } else if (CELL == 2u) {
      let input = gates[at];
      let forget = gates[at + w];
      let candidate = gates[at + 2u * w];
      let output = gates[at + 3u * w];
      let squashed = tanh_safe(cells[params.nextAt + i]);
      let gradCell = carry[params.cellAt + i] + g * output * tanh_grad_y(squashed);
      gradGates[at] = gradCell * candidate * sigmoid_grad_y(input);
      gradGates[at + w] = gradCell * cells[params.previousAt + i] * sigmoid_grad_y(forget);
      gradGates[at + 2u * w] = gradCell * input * tanh_grad_y(candidate);
      gradGates[at + 3u * w] = g * squashed * sigmoid_grad_y(output);
      carry[params.cellAt + i] = gradCell * forget;
    } else {
      let reset = gates[at];
      let update = gates[at + w];
      let hiddenPart = gates[at + 2u * w];
      let candidate = tanh_safe(inputs[params.inputAt + at + 2u * w] + reset * hiddenPart);
      let gradCandidate = g * (1.0 - update) * tanh_grad_y(candidate);
      let gradReset = gradCandidate * hiddenPart * sigmoid_grad_y(reset);
      let gradUpdate = g * (hidden[params.previousAt + i] - candidate) * sigmoid_grad_y(update);
      gradInputs[at] = gradReset;
      gradInputs[at + w] = gradUpdate;
      gradInputs[at + 2u * w] = gradCandidate;
      gradGates[at] = gradReset;
      gradGates[at + w] = gradUpdate;
      gradGates[at + 2u * w] = gradCandidate * reset;
      direct = g * update;
    }
    carry[i] = direct;
  }
}
