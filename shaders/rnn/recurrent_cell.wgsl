// One time step of a recurrent layer after the matmul with the hidden state: adds the input's part and applies the cell.
import package::lib::activation::{relu, sigmoid, tanh_safe};
import package::lib::grid::{Invocation, WORKGROUP, first_item, item_stride};

struct Params {
  size: u32,       // batch * width
  width: u32,
  inputAt: u32,    // offset of the step in inputs
  previousAt: u32, // offset of the state before the step, in hidden and cells
  nextAt: u32,     // and of the state after it
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gates: array<f32>;  // (batch, GATES, width): the hidden state's part in, what backward needs out
@group(0) @binding(2) var<storage, read> inputs: array<f32>;       // (time, batch, GATES, width)
@group(0) @binding(3) var<storage, read_write> hidden: array<f32>; // (time + 1, batch, width), each step padded
@group(0) @binding(4) var<storage, read_write> cells: array<f32>;  // like hidden; used by the LSTM only
override CELL: u32; // 0 tanh, 1 relu, 2 LSTM (input, forget, cell, output), 3 GRU (reset, update, new)
override GATES: u32;

@compute @workgroup_size(WORKGROUP)
fn main(invocation: Invocation) {
  let stride = item_stride(invocation);
  let w = params.width;
  for (var i = first_item(invocation); i < params.size; i += stride) {
    let at = (i / w) * GATES * w + i % w;
    let x = params.inputAt + at;
    if (CELL == 0u) {
      hidden[params.nextAt + i] = tanh_safe(inputs[x] + gates[at]);
    } else if (CELL == 1u) {
      hidden[params.nextAt + i] = relu(inputs[x] + gates[at]);
    } else if (CELL == 2u) {
      let input = sigmoid(inputs[x] + gates[at]);
      let forget = sigmoid(inputs[x + w] + gates[at + w]);
      let candidate = tanh_safe(inputs[x + 2u * w] + gates[at + 2u * w]);
      let output = sigmoid(inputs[x + 3u * w] + gates[at + 3u * w]);
      let cell = forget * cells[params.previousAt + i] + input * candidate;
      gates[at] = input;
      gates[at + w] = forget;
      gates[at + 2u * w] = candidate;
      gates[at + 3u * w] = output;
      cells[params.nextAt + i] = cell;
      hidden[params.nextAt + i] = output * tanh_safe(cell);
    } else {
      let reset = sigmoid(inputs[x] + gates[at]);
      let update = sigmoid(inputs[x + w] + gates[at + w]);
      let candidate = tanh_safe(inputs[x + 2u * w] + reset * gates[at + 2u * w]);
      gates[at] = reset;
      gates[at + w] = update;
      hidden[params.nextAt + i] = candidate + update * (hidden[params.previousAt + i] - candidate);
    }
  }
}
