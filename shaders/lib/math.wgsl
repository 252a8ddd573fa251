// Element functions of the elementwise ops that WGSL lacks, or has with holes.

/** log(1 + x), accurate near 0. */
fn log1p_safe(x: f32) -> f32 {
  let u = 1.0 + x;
  // Goldberg's correction: the rounding of 1 + x cancels in the quotient.
  return select(log(u) * (x / (u - 1.0)), x, u == 1.0) ;
}

/** Any base: whole exponents by multiplication up to 16, negative bases for whole exponents, NaN where the result is not real. */
fn pow_safe(base: f32, exponent: f32) -> f32 {
  let whole = floor(exponent) == exponent;
  if (whole && abs(exponent) <= 16.0) {
    var power = 1.0;
    for (var i = 0u; i < 16u; i++) {
      if (f32(i) < abs(exponent)) { power *= base; }
    }
    return select(power, 1.0 / power, exponent < 0.0);
  }
  let magnitude = pow(abs(base), exponent);
  let odd = whole && abs(exponent) < 16777216.0 && (i32(exponent) & 1) == 1;
  let signed = select(magnitude, -magnitude, base < 0.0 && odd);
  return select(signed, bitcast<f32>(0x7fc00000u + (bitcast<u32>(base) & 1u)), base < 0.0 && !whole);
}

fn pow_int(base: i32, exponent: i32) -> i32 {
  var power = 1;
  for (var i = 0; i < exponent; i++) { power *= base; }
  return power;
}

/** By exponent bits: comparisons with infinity are folded away. */
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

fn maximum(a: f32, b: f32) -> f32 { return max(a, b) + nan_of(a) + nan_of(b); }
fn minimum(a: f32, b: f32) -> f32 { return min(a, b) + nan_of(a) + nan_of(b); }

/** 1 where a is the larger one, a half to each where they are equal. */
fn larger_share(a: f32, b: f32) -> f32 { return select(select(0.0, 0.5, a == b), 1.0, a > b); }
