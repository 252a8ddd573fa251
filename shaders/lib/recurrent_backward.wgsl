// Backward of lib/recurrent.wgsl: from the gradient of the units' state to those of their gates and of the state
// before.
import package::lib::activation::{relu_grad_y};
import package::lib::element::Element;
import package::lib::recurrent::{CELL, GATES, Units, tanhs};

@group(0) @binding(1) var<storage, read> gates: array<Element>;            // (time, batch, GATES, width), as `advance` left them
@group(0) @binding(2) var<storage, read> memory: array<Element>;           // the LSTM's cells, like hidden; the GRU's inputs (time, batch, GATES, width)
@group(0) @binding(3) var<storage, read> hidden: array<Element>;           // (time + 1, batch, width), each step padded
@group(0) @binding(4) var<storage, read> gradOutput: array<Element>;       // (time, batch, width)
@group(0) @binding(5) var<storage, read_write> carry: array<Element>;      // gradient of the state: (batch, width) of hidden, then of the cell
@group(0) @binding(6) var<storage, read_write> gradInputs: array<Element>; // like gates; written by the GRU, elsewhere equal to gradGates
@group(0) @binding(7) var<storage, read_write> gradGates: array<Element>;  // like gates

/** Offsets of units: in gradOutput, and in carry those of their state and of their cell. */
struct UnitGradients { output: u32, carry: u32, cell: u32 }

fn sigmoid_slope(y: Element) -> Element { return y * (1.0 - y); }
fn tanh_slope(y: Element) -> Element { return 1.0 - y * y; }

@if(VEC4) fn relu_slope(y: Element) -> Element { return vec4f(relu_grad_y(y.x), relu_grad_y(y.y), relu_grad_y(y.z), relu_grad_y(y.w)); }
@else fn relu_slope(y: Element) -> Element { return relu_grad_y(y); }

/** Takes units back by a step. `width` is the distance from a gate to the next. */
fn retreat(at: Units, gradAt: UnitGradients, width: u32) {
  let g = gradOutput[gradAt.output] + carry[gradAt.carry];
  let h = hidden[at.next];
  var direct = Element();
  if (CELL == 0u) {
    gradGates[at.gate] = g * tanh_slope(h);
  } else if (CELL == 1u) {
    gradGates[at.gate] = g * relu_slope(h);
  } else if (CELL == 2u) {
    let input = gates[at.gate];
    let forget = gates[at.gate + width];
    let candidate = gates[at.gate + 2u * width];
    let output = gates[at.gate + 3u * width];
    let squashed = tanhs(memory[at.next]);
    let gradCell = carry[gradAt.cell] + g * output * tanh_slope(squashed);
    gradGates[at.gate] = gradCell * candidate * sigmoid_slope(input);
    gradGates[at.gate + width] = gradCell * memory[at.previous] * sigmoid_slope(forget);
    gradGates[at.gate + 2u * width] = gradCell * input * tanh_slope(candidate);
    gradGates[at.gate + 3u * width] = g * squashed * sigmoid_slope(output);
    carry[gradAt.cell] = gradCell * forget;
  } else {
    let reset = gates[at.gate];
    let update = gates[at.gate + width];
    let hiddenPart = gates[at.gate + 2u * width];
    let candidate = tanhs(memory[at.input + 2u * width] + reset * hiddenPart);
    let gradCandidate = g * (1.0 - update) * tanh_slope(candidate);
    let gradReset = gradCandidate * hiddenPart * sigmoid_slope(reset);
    let gradUpdate = g * (hidden[at.previous] - candidate) * sigmoid_slope(update);
    gradInputs[at.gate] = gradReset;
    gradInputs[at.gate + width] = gradUpdate;
    gradInputs[at.gate + 2u * width] = gradCandidate;
    gradGates[at.gate] = gradReset;
    gradGates[at.gate + width] = gradUpdate;
    gradGates[at.gate + 2u * width] = gradCandidate * reset;
    direct = g * update;
  }
  carry[gradAt.carry] = direct;
}
