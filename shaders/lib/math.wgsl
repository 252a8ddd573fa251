// Element functions of the elementwise ops that WGSL lacks, or has with holes.

/** -inf at 0 and NaN below, where some drivers' log is finite. */
fn log_safe(x: f32) -> f32 {
  let sign = bitcast<u32>(x) & 0x80000000u;
  let special = select(0x7fc00000u | sign, 0xff800000u | sign, x == 0.0);
  return select(log(x), bitcast<f32>(special), x <= 0.0) + nan_of(x);
}

// 1 / (2 pi) in binary, after a word of zeros.
const TURNS = array<u32, 7>(0x0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u);

/** |x| in turns without the whole ones, times 2^32: its 24 bits times those of 1 / (2 pi) that matter. Payne and Hanek. */
fn turns_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x) & 0x7fffffffu;
  let digits = (bits & 0x7fffffu) | 0x800000u;
  let first = (bits >> 23u) - 118u;
  let shift = first % 32u;
  var table = TURNS;
  let a = table[first / 32u];
  let b = table[first / 32u + 1u];
  let c = table[first / 32u + 2u];
  // In two steps: a shift by 32 is one by 0.
  let high = (a << shift) | ((b >> 1u) >> (31u - shift));
  let low = (b << shift) | ((c >> 1u) >> (31u - shift));
  let carried = ((digits * (low >> 24u)) >> 8u) + ((digits * extractBits(low, 16u, 8u)) >> 16u);
  return digits * high + carried + ((digits * extractBits(low, 8u, 8u)) >> 24u);
}

// WGSL asks of sin and cos an absolute 2^-11 only. Near 0 Cody and Waite's reduction by quarter turns does, whose first two
// parts are exact in products with whole numbers below 2^13. Coefficients: Cephes.
fn sin_turned(x: f32, quarters: i32) -> f32 {
  let n = round(x * 0.6366197724);
  var r = ((x - n * 1.5703125) - n * 4.83751297e-4) - n * 7.54978995e-8;
  var whole = i32(n);
  if (abs(x) > 8192.0) {
    let turns = turns_of(x);
    let nearest = (turns + 0x20000000u) >> 30u;
    let sign = select(1, -1, x < 0.0);
    whole = sign * i32(nearest);
    r = f32(sign * bitcast<i32>(turns - (nearest << 30u))) * 1.4629180792671596e-9;
  }
  let z = r * r;
  let sine = r + r * z * (-0.16666654611 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let cosine = 1.0 - 0.5 * z + z * z * (4.16666456830e-2 + z * (-1.38873162549e-3 + z * 2.44331571181e-5));
  let turn = (whole + quarters) & 3;
  let value = select(sine, cosine, (turn & 1) == 1);
  let nan = bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u));
  return select(nan, select(value, -value, turn >= 2), is_finite(x));
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
