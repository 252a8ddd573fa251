/** The default initialisation of a layer's weight by the activation that follows it. */
import type { Tensor } from "../tensor/tensor.ts";
import { heNormal, xavierUniform } from "./init.ts";

/** What follows a weight: the slope below 0 of an activation of the ReLU family, or another thing. */
export type Follower = { readonly slope: number } | undefined;

const drawn = new WeakMap<Tensor, { slope: number | undefined; writes: number }>();

/** He normal before the ReLU family, Xavier uniform otherwise. `final`: what follows is known, and no `adaptDefault` changes it. */
export function drawDefault(weight: Tensor, follower: Follower, final = false): void {
  const slope = follower?.slope;
  const draw = slope === undefined ? xavierUniform() : heNormal({ nonlinearity: "leakyRelu", a: slope });
  draw(weight);
  if (!final) drawn.set(weight, { slope, writes: weight.storage.writes });
}

/** Draws again when the weight turns out to be followed by something else. Values that came from elsewhere stay. */
export function adaptDefault(weight: Tensor, follower: Follower): void {
  const made = drawn.get(weight);
  const isUntouched = made?.writes === weight.storage.writes && !weight.storage.flat;
  if (made && isUntouched && made.slope !== follower?.slope) drawDefault(weight, follower);
}
