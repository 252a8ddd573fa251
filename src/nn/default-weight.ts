/** The default initialization of a layer's weight by the activation that follows it. */
import { sizeAt } from "../tensor/shape.ts";
import { storageOf, type Tensor, view } from "../tensor/tensor.ts";
import { heNormal, xavierUniform } from "./init.ts";
import { originOf, recordOrigin } from "./init-provenance.ts";

/** The slope below 0 of the ReLU-like activation that follows a weight; undefined where something else follows. */
export type NextActivation = { readonly slope: number } | undefined;

const drawn = new WeakMap<Tensor, { slope: number | undefined; writes: number }>();

/** He normal before the ReLU family, Xavier uniform otherwise. `final`: what follows is known, and no `adaptDefault` changes it. */
export function drawDefault(weight: Tensor, follower: NextActivation, final = false): void {
  const slope = follower?.slope;
  const draw = slope === undefined ? xavierUniform() : heNormal({ nonlinearity: "leakyRelu", a: slope });
  draw(weight);
  if (!final) drawn.set(weight, { slope, writes: storageOf(weight).version });
}

/** Draws again when the weight turns out to be followed by something else. Values that came from elsewhere stay. */
export function adaptDefault(weight: Tensor, follower: NextActivation): void {
  const made = drawn.get(weight);
  const isUntouched = made?.writes === storageOf(weight).version && !storageOf(weight).flat;
  if (made && isUntouched && made.slope !== follower?.slope) drawDefault(weight, follower);
}

/** Draws each of `blocks` equal blocks of rows as a matrix: a gate's, or one of several projections. */
export function drawBlocks(weight: Tensor, blocks: number, follower?: NextActivation): void {
  const [rows, columns] = [sizeAt(weight.shape, 0) / blocks, sizeAt(weight.shape, 1)];
  for (let i = 0; i < blocks; i++) {
    const block = view(weight, [rows, columns], weight.strides, weight.offset + i * rows * columns);
    drawDefault(block, follower, true);
    const origin = originOf(block);
    if (origin) recordOrigin(weight, origin);
    block.dispose();
  }
}
