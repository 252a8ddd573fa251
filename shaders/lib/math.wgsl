// Element functions of the elementwise ops that WGSL lacks, or has with holes.

/** -inf at 0 and NaN below, where some drivers' log is finite. */
fn log_safe(x: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let special = select(0x7fc00000u | sign, 0xff800000u | sign, x == 0.0);
  return select(log(x), bitcast<f32>(special), x <= 0.0) + nan_of(x);
}

// WGSL asks of sin and cos an absolute 2^-11 only. These are right to the last places for |x| < 1e4: Cody and Waite's
// reduction by quarter turns, whose first two parts are exact in products with whole numbers below 2^13. Coefficients: Cephes.
fn sin_turned(x: f32, quarters: i32) -> f32 {
  let n = round(x * 0.6366197724);
  let r = ((x - n * 1.5703125) - n * 4.83751297e-4) - n * 7.54978995e-8;
  let z = r * r;
  let sine = r + r * z * (-0.16666654611 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let cosine = 1.0 - 0.5 * z + z * z * (4.16666456830e-2 + z * (-1.38873162549e-3 + z * 2.44331571181e-5));
  let turn = (i32(n) + quarters) & 3;
  let value = select(sine, cosine, (turn & 1) == 1);
  return select(value, -value, turn >= 2);
}
fn sin_exact(x: f32) -> f32 { return sin_turned(x, 0); }
fn cos_exact(x: f32) -> f32 { return sin_turned(x, 1); }

/**
 * What f16 holds of a, ties to even: infinite from 65520 on, in steps of 2^-24 below 2^-14. By whole numbers, since compilers
 * take a conversion to f16 and back for no rounding at all.
 */
fn half_of(a: f32) -> f32 {
  let bits = bitcast<u32>(a);
  let size = bits & 0x7fffffffu;
  let normal = (bits + 0xfffu + ((bits >> 13u) & 1u)) & 0xffffe000u;
  let large = select((bits & 0x80000000u) | 0x7f800000u, bits, size > 0x7f800000u);
  let small = round(clamp(a, -1.0, 1.0) * 16777216.0) * 5.9604644775390625e-8;
  return select(bitcast<f32>(select(normal, large, size >= 0x477ff000u)), small, size < 0x38800000u);
}

/** log(1 + x), accurate near 0. */
fn log1p_safe(x: f32) -> f32 {
  let u = 1.0 + x;
  // Goldberg's correction: the rounding of 1 + x cancels in the quotient, which for a large x is 1.
  return select(log_safe(u) * select(x / (u - 1.0), 1.0, u > 1e8), x, u == 1.0);
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

/** By squaring: 32 rounds at most, whatever exponent a lane beyond the end finds. */
fn pow_whole(base: u32, exponent: u32) -> u32 {
  var power = 1u;
  var factor = base;
  for (var bits = exponent; bits != 0u; bits >>= 1u) {
    power *= select(1u, factor, (bits & 1u) == 1u);
    factor *= factor;
  }
  return power;
}

/** Of negative exponents 1 / power with its fraction cut off: 0 unless the base is 1 or -1. */
fn pow_int(base: i32, exponent: i32) -> i32 {
  let power = i32(pow_whole(u32(base), u32(abs(exponent))));
  return select(power, 0, exponent < 0 && abs(base) != 1);
}

/** By exponent bits: comparisons with infinity are folded away. */
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

fn maximum(a: f32, b: f32) -> f32 { return max(a, b) + nan_of(a) + nan_of(b); }
fn minimum(a: f32, b: f32) -> f32 { return min(a, b) + nan_of(a) + nan_of(b); }

/** 1 where a is the larger one, a half to each where they are equal. */
fn larger_share(a: f32, b: f32) -> f32 { return select(select(0.0, 0.5, a == b), 1.0, a > b); }
