// The cell of a recurrent layer: what the kernels of one time step and those of all steps do with an Element of units
// of a row. Offsets and widths are in Elements.
import package::lib::activation::{relu, sigmoid, tanh_safe};
import package::lib::element::Element;

override CELL: u32; // 0 tanh, 1 relu, 2 LSTM (input, forget, cell, output), 3 GRU (reset, update, new)
override GATES: u32;
// A backward follows: it reads what is left in `gates`.
override KEEPS_GATES: bool = true;

@group(0) @binding(1) var<storage, read_write> gates: array<Element>;  // (time, batch, GATES, width), each step padded; of one step where they are not kept
@group(0) @binding(2) var<storage, read> inputs: array<Element>;       // (time, batch, GATES, width)
@group(0) @binding(3) var<storage, read_write> hidden: array<Element>; // (time + 1, batch, width), each step padded
@group(0) @binding(4) var<storage, read_write> cells: array<Element>;  // like hidden; used by the LSTM only

/** Offsets of units: in inputs and gates those of their first gate, in hidden and cells those before and after the step. */
struct Units { input: u32, gate: u32, previous: u32, next: u32 }

@if(VEC4) fn sigmoids(x: Element) -> Element { return vec4f(sigmoid(x.x), sigmoid(x.y), sigmoid(x.z), sigmoid(x.w)); }
@else fn sigmoids(x: Element) -> Element { return sigmoid(x); }

@if(VEC4) fn tanhs(x: Element) -> Element { return vec4f(tanh_safe(x.x), tanh_safe(x.y), tanh_safe(x.z), tanh_safe(x.w)); }
@else fn tanhs(x: Element) -> Element { return tanh_safe(x); }

@if(VEC4) fn relus(x: Element) -> Element { return vec4f(relu(x.x), relu(x.y), relu(x.z), relu(x.w)); }
@else fn relus(x: Element) -> Element { return relu(x); }

/** Steps units whose gates hold the hidden state's part so far. `width` is the distance from a gate to the next. */
fn advance(at: Units, width: u32) {
  let z = gates[at.gate] + inputs[at.input];
  if (CELL == 0u) {
    hidden[at.next] = tanhs(z);
  } else if (CELL == 1u) {
    hidden[at.next] = relus(z);
  } else if (CELL == 2u) {
    let input = sigmoids(z);
    let forget = sigmoids(gates[at.gate + width] + inputs[at.input + width]);
    let candidate = tanhs(gates[at.gate + 2u * width] + inputs[at.input + 2u * width]);
    let output = sigmoids(gates[at.gate + 3u * width] + inputs[at.input + 3u * width]);
    let cell = forget * cells[at.previous] + input * candidate;
    cells[at.next] = cell;
    hidden[at.next] = output * tanhs(cell);
    keep(at.gate, input);
    keep(at.gate + width, forget);
    keep(at.gate + 2u * width, candidate);
    keep(at.gate + 3u * width, output);
  } else {
    let reset = sigmoids(z);
    let update = sigmoids(gates[at.gate + width] + inputs[at.input + width]);
    let candidate = tanhs(inputs[at.input + 2u * width] + reset * gates[at.gate + 2u * width]);
    hidden[at.next] = candidate + update * (hidden[at.previous] - candidate);
    keep(at.gate, reset);
    keep(at.gate + width, update);
  }
}

fn keep(at: u32, gate: Element) {
  if (KEEPS_GATES) { gates[at] = gate; }
}
