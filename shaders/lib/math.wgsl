// Element functions of the elementwise ops that WGSL lacks, or has with holes.
import package::lib::elementary::{exp_series, head, inf_beside, is_finite, is_nan, is_negative, log_exponent, nan_beside, Scaled, unless_nan, unscaled};

// 1 / (2 pi) in binary, after a word of zeros.
const TURNS = array<u32, 7>(0x0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u);

/** |x| in turns modulo 1, times 2^32: its 24 bits times those of 1 / (2 pi) that matter. Payne and Hanek. */
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

// WGSL asks of sin and cos an absolute 2^-11 only. Near 0 Cody and Waite's reduction by quarter turns does, whose parts of at
// most 11 bits are exact in products with integers below 2^13. Coefficients: Cephes.
fn sin_turned(x: f32, quarters: i32) -> f32 {
  let n = round(x * 0.6366197724);
  var r = ((((x - n * 1.5703125) - n * 4.837512969970703e-4) - n * 7.549533620476723e-8) - n * 2.5632829192545614e-12) - n * 6.123233601e-17;
  var whole = i32(n);
  if (abs(x) > 8192.0) {
    let turns = turns_of(x);
    let nearest = (turns + 0x20000000u) >> 30u;
    let sign = select(1, -1, x < 0.0);
    whole = sign * i32(nearest);
    r = f32(sign * bitcast<i32>(turns - (nearest << 30u))) * 1.4629180792671596e-9;
  }
  // -0 stays -0.
  r = select(r, x, n == 0.0);
  let z = r * r;
  let sine = r * (1.0 + z * (-0.16666654611 + z * (8.3321608736e-3 - z * 1.9515295891e-4)));
  let cosine = 1.0 - 0.5 * z + z * z * (4.16666456830e-2 + z * (-1.38873162549e-3 + z * 2.44331571181e-5));
  let turn = (whole + quarters) & 3;
  let value = select(sine, cosine, (turn & 1) == 1);
  let nan = bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u));
  return select(nan, select(value, -value, turn >= 2), is_finite(x));
}
fn sin_exact(x: f32) -> f32 { return sin_turned(x, 0); }
fn cos_exact(x: f32) -> f32 { return sin_turned(x, 1); }

/**
 * a rounded to f16, ties to even: infinite from 65520 on, in steps of 2^-24 below 2^-14. Computed in integers, since compilers
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

/** base^n for n <= 16, by squaring. */
fn pow_few(base: f32, n: u32) -> f32 {
  var power = 1.0;
  var factor = base;
  for (var bit = 1u; bit <= 16u; bit <<= 1u) {
    if ((n & bit) != 0u) { power *= factor; }
    factor *= factor;
  }
  return power;
}

/** size^exponent for a size in (0, inf): log2 in two parts, so that its product with the exponent keeps its bits below 1. */
fn pow_of_size(size: f32, exponent: f32) -> f32 {
  let bits = bitcast<u32>(size);
  let isTiny = bits < 0x00800000u;
  let word = select(bits, bitcast<u32>(f32(bits)), isTiny);
  let n = log_exponent(word);
  let m = bitcast<f32>(word - (bitcast<u32>(n) << 23u));
  // log2(m) = 2 / ln 2 atanh(s) for s = (m - 1) / (m + 1): a head of 11 bits, what is left of the division, and the series.
  let quotient = (m - 1.0) / (m + 1.0);
  let s = bitcast<f32>(bitcast<u32>(quotient) & 0xffffe000u);
  let left = (((m - 1.0) - s * (1.0 + head(m))) - s * (m - head(m))) / (m + 1.0);
  let z = quotient * quotient;
  let series = quotient * z * (0.3333333333 + z * (0.2 + z * (0.1428571429 + z * (0.1111111111 + z * 0.09090909091))));
  let high = s * 2.884765625;
  let low = s * 6.244567779e-4 + (left + series) * 2.885390082;
  let whole = f32(n - select(0, 149, isTiny));
  let logHead = head(whole + (high + low));
  let logRest = ((whole - logHead) + high) + low;
  // From there on every power is 0, 1 or infinite.
  let y = clamp(exponent, -4e9, 4e9);
  let product = head(y) * logHead;
  let rest = head(y) * logRest + (y - head(y)) * (logHead + logRest);
  let nearest = round(clamp(product + rest, -300.0, 300.0));
  let r = clamp((product - nearest) + rest, -0.6, 0.6) * 0.6931471806;
  return unscaled(Scaled(1.0 + (r + r * r * exp_series(r)), clamp(i32(nearest), -250, 250)));
}

/** The power, without its sign, where base or exponent is NaN or infinite or the base is 0: as in C. */
fn pow_special(base: f32, exponent: f32) -> f32 {
  let size = bitcast<u32>(base) & 0x7fffffffu;
  let grows = (size > 0x3f800000u) != (bitcast<u32>(exponent) >> 31u == 1u);
  let value = select(select(0.0, inf_beside(base), grows), 1.0, size == 0x3f800000u);
  return select(unless_nan(unless_nan(value, base), exponent), 1.0, bitcast<u32>(base) == 0x3f800000u);
}

/** Any base: small integer exponents by multiplication, negative bases for integer exponents, NaN where no real number is. */
fn pow_safe(base: f32, exponent: f32) -> f32 {
  let count = abs(exponent);
  let isInteger = is_finite(exponent) && floor(exponent) == exponent;
  if (isInteger && count <= 16.0) {
    let few = pow_few(base, u32(count));
    let isExact = count <= 6.0 || (floor(base) == base && abs(few) <= 16777216.0);
    if (!is_negative(exponent) && isExact) { return few; }
    if (is_negative(exponent) && count <= 4.0 && abs(few) > 1e-37 && abs(few) < 1e37) { return 1.0 / few; }
  }
  let isZero = (bitcast<u32>(base) << 1u) == 0u;
  let isSpecial = isZero || !is_finite(base) || !is_finite(exponent);
  let isReal = isInteger || isSpecial || !is_negative(base);
  let isOdd = isInteger && count < 16777216.0 && (i32(exponent) & 1) == 1;
  var value = pow_special(base, exponent);
  if (!isSpecial) { value = pow_of_size(abs(base), exponent); }
  return select(nan_beside(base), select(value, -value, isOdd && (bitcast<u32>(base) >> 31u) == 1u), isReal);
}

/** The power by repeated squaring: at most 32 rounds, whatever exponent a thread beyond the end reads. */
fn pow_u32(base: u32, exponent: u32) -> u32 {
  var power = 1u;
  var factor = base;
  for (var bits = exponent; bits != 0u; bits >>= 1u) {
    power *= select(1u, factor, (bits & 1u) == 1u);
    factor *= factor;
  }
  return power;
}

/** The integer power; with a negative exponent 1 / power, truncated: 0 unless the base is 1 or -1. */
fn pow_int(base: i32, exponent: i32) -> i32 {
  let power = i32(pow_u32(u32(base), u32(abs(exponent))));
  return select(power, 0, exponent < 0 && abs(base) != 1);
}

/** Integers in the order of the numbers, -0 beside 0. NaN must be looked for apart. */
fn order_of(x: f32) -> i32 { let bits = bitcast<i32>(x); return select(bits, -(bits & 0x7fffffff), bits < 0); }

// Comparisons on bits: with NaN a compiler may take any for true, and with subnormal numbers a driver for those with 0.
fn is_less(a: f32, b: f32) -> bool { return order_of(a) < order_of(b) && !is_nan(a) && !is_nan(b); }
fn is_at_most(a: f32, b: f32) -> bool { return order_of(a) <= order_of(b) && !is_nan(a) && !is_nan(b); }
fn is_equal(a: f32, b: f32) -> bool { return order_of(a) == order_of(b) && !is_nan(a); }
fn is_same(a: f32, b: f32) -> bool { return order_of(a) == order_of(b) || (is_nan(a) && is_nan(b)); }

fn maximum(a: f32, b: f32) -> f32 { return unless_nan(select(b, a, is_nan(a) || order_of(a) >= order_of(b)), b); }
fn minimum(a: f32, b: f32) -> f32 { return unless_nan(select(b, a, is_nan(a) || order_of(a) <= order_of(b)), b); }

/** The part of the gradient g of the larger of both that goes to a: all of it, or half where they are equal. */
fn larger_share(a: f32, b: f32, g: f32) -> f32 { return select(select(g, 0.5 * g, is_equal(a, b)), 0.0, is_less(a, b)); }

/** 1, 0 or -1. */
fn sign_of(x: f32) -> f32 { return select(f32(clamp(order_of(x), -1, 1)), x, is_nan(x)); }
