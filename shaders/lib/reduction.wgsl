// The kinds of reduction, on the bits of 32-bit values.
import package::lib::elementary::is_nan;

// 0: sum. 1: product. 2: max. 3: min.
override KIND: u32 = 0;
// 0: f32. 1: i32. 2: u32.
override DTYPE: u32 = 0;

/** Values that are joined one after another: the rounding of a long sum grows with the lengths of its blocks, not with its own. */
const BLOCK = 32u;

fn join_float(a: f32, b: f32) -> f32 {
  if (KIND == 0u) { return a + b; }
  if (KIND == 1u) { return a * b; }
  // NaN wins: comparisons with it are false in either direction.
  let pick = select((b < a), (b > a), KIND == 2u);
  return select(a, b, pick || is_nan(b));
}

fn join(a: u32, b: u32) -> u32 {
  if (DTYPE == 0u) { return bitcast<u32>(join_float(bitcast<f32>(a), bitcast<f32>(b))); }
  if (KIND == 0u) { return a + b; }
  if (KIND == 1u) { return a * b; }
  let larger = select((b > a), (bitcast<i32>(b) > bitcast<i32>(a)), DTYPE == 1u);
  let smaller = select((b < a), (bitcast<i32>(b) < bitcast<i32>(a)), DTYPE == 1u);
  return select(a, b, select(smaller, larger, KIND == 2u));
}

/** The identity of the reduction; for float sums -0, which leaves even -0 as it is. */
fn neutral() -> u32 {
  if (KIND == 0u) { return select(0u, 0x80000000u, DTYPE == 0u); }
  if (KIND == 1u) { return select(1u, 0x3f800000u, DTYPE == 0u); }
  if (DTYPE == 0u) { return select(0x7f800000u, 0xff800000u, KIND == 2u); }
  if (DTYPE == 1u) { return select(0x7fffffffu, 0x80000000u, KIND == 2u); }
  return select(0xffffffffu, 0u, KIND == 2u);
}

/** The result of a reduction, multiplied if it is a float. */
fn scaled(value: u32, scale: f32) -> u32 {
  if (DTYPE == 0u) { return bitcast<u32>(bitcast<f32>(value) * scale); }
  return value;
}
