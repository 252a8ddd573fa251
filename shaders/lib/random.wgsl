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

/// Four random words for one place of one call.
fn philox(place: u32, call: u32, seedLow: u32, seedHigh: u32) -> vec4u {
  var counter = vec4u(place, 0u, call, 0u);
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

/// Four normal numbers by Box and Muller. The offset keeps log from 0.
fn to_normal(words: vec4u) -> vec4f {
  let u = to_unit(words);
  let radius = sqrt(-2.0 * log(vec2f(1.0) - u.xy));
  let angle = 6.283185307179586 * u.zw;
  return vec4f(radius * cos(angle), radius * sin(angle));
}
