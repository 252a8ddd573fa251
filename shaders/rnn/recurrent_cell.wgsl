// One time step of a recurrent layer, after the product with its hidden state: joins that with the input's part.
import package::lib::activation::{relu, sigmoid, tanh_safe};
import package::lib::index::{linear_group, group_count};

struct Params {
  size: u32,       // batch * width
  width: u32,
  inputAt: u32,    // where the step begins in inputs
  previousAt: u32, // where the state before and after it begins, in hidden and cells
  nextAt: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gates: array<f32>;  // (batch, GATES, width): the hidden state's part, then what backward needs
@group(0) @binding(2) var<storage, read> inputs: array<f32>;       // (time, batch, GATES, width)
@group(0) @binding(3) var<storage, read_write> hidden: array<f32>; // (time + 1, batch, width), each step padded
@group(0) @binding(4) var<storage, read_write> cells: array<f32>;  // like hidden; of the LSTM only
override CELL: u32; // 0 tanh, 1 relu, 2 LSTM (input, forget, cell, output), 3 GRU (reset, update, new)
override GATES: u32;
override WORKGROUP: u32 = 64;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) nwg: vec3u,
) {
  let stride = group_count(nwg) * WORKGROUP;
  let w = params.width;
  for (var i = linear_group(wid, nwg) * WORKGROUP + lane; i < params.size; i += stride) {
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
