// Counter-based random numbers: Philox 4x32 with 10 rounds (Salmon et al. 2011), no state to carry.

fn multiply_high(a: u32, b: u32) -> u32 {
  let aLow = a & 0xffffu;
  let aHigh = a >> 16u;
  let bLow = b & 0xffffu;
  let bHigh = b >> 16u;
  let low = aLow * bLow;
  let middle = aHigh * bLow + (low >> 16u);
  let carry = (middle & 0xffffu) + aLow * bHigh;
  return aHigh * bHigh + (middle >> 16u) + (carry >> 16u);
}

/// Four random words for one offset of one call.
fn philox(offset: u32, call: u32, seedLow: u32, seedHigh: u32) -> vec4u {
  var counter = vec4u(offset, 0u, call, 0u);
  var key = vec2u(seedLow, seedHigh);
  for (var round = 0u; round < 10u; round++) {
    let high0 = multiply_high(0xD2511F53u, counter.x);
    let high1 = multiply_high(0xCD9E8D57u, counter.z);
    counter = vec4u(high1 ^ counter.y ^ key.x, 0xCD9E8D57u * counter.z, high0 ^ counter.w ^ key.y, 0xD2511F53u * counter.x);
    key += vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return counter;
}

/// Words to floats in [0, 1): 24 bits, so that 1 never comes out.
fn to_unit(words: vec4u) -> vec4f {
  return vec4f(words >> vec4u(8u)) * 5.9604644775390625e-8;
}

/// Four normal numbers by Box and Muller; 1 - u keeps log from 0.
fn to_normal(words: vec4u) -> vec4f {
  let u = to_unit(words);
  let radius = sqrt(-2.0 * log(vec2f(1.0) - u.xy));
  let angle = 6.283185307179586 * u.zw;
  return vec4f(radius * cos(angle), radius * sin(angle));
}

/// The inverse of erf to 4e-7 of its value. Giles 2011, "Approximating the erfinv function", in single precision.
fn erf_inverse(u: f32) -> f32 {
  let x = clamp(u, -0.99999994, 0.99999994);
  let w = -log((1.0 - x) * (1.0 + x));
  if (w < 5.0) {
    let v = w - 2.5;
    var p = 2.81022636e-8;
    p = 3.43273939e-7 + p * v;
    p = -3.5233877e-6 + p * v;
    p = -4.39150654e-6 + p * v;
    p = 0.00021858087 + p * v;
    p = -0.00125372503 + p * v;
    p = -0.00417768164 + p * v;
    p = 0.246640727 + p * v;
    return (1.50140941 + p * v) * x;
  }
  let v = sqrt(w) - 3.0;
  var p = -0.000200214257;
  p = 0.000100950558 + p * v;
  p = 0.00134934322 + p * v;
  p = -0.00367342844 + p * v;
  p = 0.00573950773 + p * v;
  p = -0.0076224613 + p * v;
  p = 0.00943887047 + p * v;
  p = 1.00167406 + p * v;
  return (2.83297682 + p * v) * x;
}
