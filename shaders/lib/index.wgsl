// The index of an invocation in a grid that may have been folded.

// The runtime folds a linear grid past 65,535 workgroups into (x, y, 1): this is the group's index before folding.
fn linear_group(wid: vec3u, nwg: vec3u) -> u32 {
  return wid.x + wid.y * nwg.x;
}

fn group_count(nwg: vec3u) -> u32 {
  return nwg.x * nwg.y;
}
