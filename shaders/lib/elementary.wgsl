// exp and log to about an ulp over all of f32: WGSL lets its own be dozens off, and leaves subnormal numbers, infinities and
// NaN to the driver. WGSL also assumes that there is no NaN and no infinity, so that tests for them are made on bits.

fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }
fn is_infinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) == 0x7f800000u; }
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }
/** Below 0, -inf included; neither -0 nor NaN. */
fn is_negative(x: f32) -> bool { return bitcast<u32>(x) - 0x80000001u <= 0x7f7fffffu; }

/** `value`, or x where that is NaN: min, max and conversions may swallow it, and a divergence must show. */
fn unless_nan(value: f32, x: f32) -> f32 { return select(value, x, is_nan(x)); }

/** NaN and inf, which WGSL refuses as constants: `x` only keeps the compiler from seeing one. */
fn nan_beside(x: f32) -> f32 { return bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u)); }
fn inf_beside(x: f32) -> f32 { return bitcast<f32>(0x7f800000u | (bitcast<u32>(x) & 0x7f800000u)); }

/** The first 12 bits of a number's 24: products of two heads are exact, and no compiler sees through the rest x - head(x). */
fn head(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }

/** 2^n for n in [-126, 127]. */
fn exp2_of(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }

/** A number as m 2^n, where 2^n alone may lie outside f32. */
struct Scaled { m: f32, n: i32 }

/** In two steps, the second of which alone may leave the normal numbers. */
fn unscaled(s: Scaled) -> f32 {
  let half = s.n >> 1u;
  return (s.m * exp2_of(half)) * exp2_of(s.n - half);
}

/** (exp(r) - 1 - r) / r^2 for |r| < 0.43. */
fn exp_series(r: f32) -> f32 {
  return 0.5000000059 + r * (0.1666666684 + r * (0.04166630255 + r * (0.008333267302 + r * (0.001394517291 + r * 0.0001991780945))));
}

/** exp(high + low): `low`, at most 0.07, is what rounding took from the argument. Cody and Waite's reduction. */
fn exp_scaled(high: f32, low: f32) -> Scaled {
  let x = clamp(high, -150.0, 100.0);
  let n = round(x * 1.442695041);
  let r = ((x - n * 0.693359375) + n * 2.12194440e-4) + low;
  return Scaled(1.0 + (r + r * r * exp_series(r)), i32(n));
}

fn exp_exact(x: f32) -> f32 { return unless_nan(unscaled(exp_scaled(x, 0.0)), x); }

/** exp(-share x^2) for a share of 0.5 or 1: the square as an exact one of the head and a rest. */
fn exp_square(x: f32, share: f32) -> Scaled {
  let z = min(abs(x), 16.5);
  let h = head(z);
  return exp_scaled(-share * h * h, -share * (z - h) * (z + h));
}

/** exp(x) - 1 for x <= 0, without the cancellation near 0. */
fn expm1_negative(x: f32) -> f32 {
  let z = clamp(x, -30.0, 0.0);
  let n = round(z * 1.442695041);
  let r = (z - n * 0.693359375) + n * 2.12194440e-4;
  let scale = exp2_of(i32(n));
  return (scale - 1.0) + scale * (r + r * r * exp_series(r));
}

/** log((1 + f) 2^n) for 1 + f in [sqrt(1/2), sqrt(2)]. */
fn log_of(f: f32, n: f32) -> f32 {
  let high = 0.3333333121 + f * (-0.2500083805 + f * (0.2000129185 + f * (-0.1662276148 + f * (0.1419971379 + f * (-0.1316423667 + f * (0.1277900698 - f * 0.07645837199))))));
  let square = f * f;
  return ((f * (square * high) - n * 2.12194440e-4) - 0.5 * square + f) + n * 0.693359375;
}

/** The n with 2^-n times these bits of a positive number in [sqrt(1/2), sqrt(2)]. */
fn log_exponent(bits: u32) -> i32 { return (bitcast<i32>(bits) - 0x3f3504f3) >> 23u; }

/** -inf at 0, NaN below; subnormal numbers count as what they are, whether or not the driver takes them for 0. */
fn log_exact(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  let isTiny = bits < 0x00800000u;
  let word = select(bits, bitcast<u32>(f32(bits)), isTiny);
  let n = log_exponent(word);
  let value = log_of(bitcast<f32>(word - (bitcast<u32>(n) << 23u)) - 1.0, f32(n - select(0, 149, isTiny)));
  return log_special(value, bits, x);
}

/** The value, or what log gives for the bits of 0, of numbers below 0, of inf and of NaN. */
fn log_special(value: f32, bits: u32, otherwise: f32) -> f32 {
  let isZero = (bits << 1u) == 0u;
  let special = select(select(0x7fc00000u, bitcast<u32>(otherwise), bits == 0x7f800000u), 0xff800000u, isZero);
  return select(value, bitcast<f32>(special), isZero || bits >= 0x7f800000u);
}

/** log(1 + x), accurate near 0: (1 + x) 2^-n - 1 is formed from x itself, not from the rounded sum. */
fn log1p_exact(x: f32) -> f32 {
  let bits = bitcast<u32>(1.0 + x);
  let n = log_exponent(bits);
  let scale = exp2_of(-min(n, 64));
  let near = (scale - 1.0) + scale * x;
  let f = select(near, bitcast<f32>(bits - (bitcast<u32>(n) << 23u)) - 1.0, n > 64);
  let isTiny = (bitcast<u32>(x) & 0x7fffffffu) < 0x32000000u;
  return select(log_special(log_of(f, f32(n)), bits, x), x, isTiny || is_nan(x));
}
