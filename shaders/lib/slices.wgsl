// Sums that workgroups left of their slices of the rows, and the gradients of weight and bias that are made of them.

@group(0) @binding(1) var<storage, read> parts: array<f32>; // (slices, 2, columns)

/** An offset that stands for a gradient that is not computed. */
const NONE = 0xffffffffu;

/** Slices whose sums are loaded before they are added, so that their loads need not wait for each other. */
const AT_ONCE = 8u;

/** Both sums of a column over one slice. */
fn sums_of(slice: u32, column: u32, columns: u32) -> vec2f {
  let at = slice * 2u * columns + column;
  return vec2f(parts[at], parts[at + columns]);
}

/** Both sums of a column, added in the order of the slices. */
fn slice_sums(column: u32, columns: u32, slices: u32) -> vec2f {
  var sum = vec2f();
  var slice = 0u;
  for (; slice + AT_ONCE <= slices; slice += AT_ONCE) {
    var loaded: array<vec2f, AT_ONCE>; // @values
    for (var k = 0u; k < AT_ONCE; k++) { // @unroll
      loaded[k] = sums_of(slice + k, column, columns);
    }
    for (var k = 0u; k < AT_ONCE; k++) { // @unroll
      sum += loaded[k];
    }
  }
  for (; slice < slices; slice++) { sum += sums_of(slice, column, columns); }
  return sum;
}
