// Sums that workgroups left of their slices of the rows, and the gradients of weight and bias that are made of them.

@group(0) @binding(1) var<storage, read> parts: array<f32>; // (slices, 2, columns)

/** An offset that stands for a gradient that is not computed. */
const NONE = 0xffffffffu;

/** Both sums of a column, added in the order of the slices. */
fn slice_sums(column: u32, columns: u32, slices: u32) -> vec2f {
  var sum = vec2f();
  for (var slice = 0u; slice < slices; slice++) {
    let at = slice * 2u * columns + column;
    sum += vec2f(parts[at], parts[at + columns]);
  }
  return sum;
}
