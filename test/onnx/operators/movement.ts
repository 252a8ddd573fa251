/** Operators that move values and change none. */
import { cat, expand, type Tensor } from "gradwell";
import type { Call, Operators } from "../call.ts";
import { leaveOut } from "../value.ts";

/** Axes counted from the front. */
const fromFront = (axes: readonly number[], ndim: number): number[] =>
  axes.map((axis) => (axis < 0 ? axis + ndim : axis));

async function reshape(call: Call): Promise<Tensor> {
  const shape = (await call.list("shape"))!;
  // A 0 stands for the dim that is there, unless `allowzero`.
  const full = call.flag("allowzero") ? shape : shape.map((size, i) => (size === 0 ? call.x.shape[i]! : size));
  return call.x.reshape(full);
}

async function unsqueeze(call: Call): Promise<Tensor> {
  const axes = (await call.list("axes"))!;
  const ndim = call.x.ndim + axes.length;
  return fromFront(axes, ndim)
    .sort((a, b) => a - b)
    .reduce((x, axis) => x.unsqueeze(axis), call.x);
}

async function squeeze(call: Call): Promise<Tensor> {
  const axes = await call.list("axes");
  if (!axes) return call.x.squeeze();
  return fromFront(axes, call.x.ndim)
    .sort((a, b) => b - a)
    .reduce((x, axis) => x.squeeze(axis), call.x);
}

async function slice(call: Call): Promise<Tensor> {
  const [starts, ends] = [(await call.list("starts", 1))!, (await call.list("ends", 2))!];
  const axes = (await call.list("axes", 3)) ?? starts.map((_, i) => i);
  const steps = (await call.numbers(4)) ?? starts.map(() => 1);
  return axes.reduce((x, axis, i) => sliceAlong(x, axis, starts[i]!, ends[i]!, steps[i]!), call.x);
}

function sliceAlong(x: Tensor, axis: number, start: number, end: number, step: number): Tensor {
  if (step > 0) return x.slice(axis, start, end, step);
  // Backwards is forwards in the flipped tensor.
  const size = x.shape.at(axis)!;
  const mirrored = (at: number) => size - 1 - Math.max(-1, Math.min(size - 1, at < 0 ? at + size : at));
  return x.flip(axis).slice(axis, mirrored(start), mirrored(end), -step);
}

async function split(call: Call): Promise<Tensor[]> {
  const axis = call.real("axis", 0);
  const sizes = await call.list("split");
  return call.x.split(sizes ?? Math.ceil(call.x.shape.at(axis)! / call.outputs), axis);
}

async function pad(call: Call): Promise<Tensor> {
  const mode = call.text("mode", "constant");
  if (mode !== "constant") leaveOut(`mode ${mode}: pad fills with one value`);
  const pads = (await call.list("pads"))!;
  const value = call.attribute<number>("value") ?? (await call.number(2, 0));
  return call.x.pad(
    call.x.shape.map((_, i) => [pads[i]!, pads[i + call.x.ndim]!] as const),
    value,
  );
}

/** NumPy's broadcast: dims of 1 in the wanted shape keep what is there. */
async function expandTo(call: Call): Promise<Tensor> {
  const wanted = (await call.numbers(1))!;
  const lead = wanted.length - call.x.ndim;
  return expand(
    call.x,
    Array.from({ length: Math.max(wanted.length, call.x.ndim) }, (_, i) => {
      const [own, other] =
        lead >= 0 ? [call.x.shape[i - lead] ?? 1, wanted[i]!] : [call.x.shape[i]!, wanted[i + lead] ?? 1];
      return other === 1 ? own : other;
    }),
  );
}

async function tile(call: Call): Promise<Tensor> {
  const repeats = (await call.numbers(1))!;
  const { x } = call;
  return x
    .reshape(x.shape.flatMap((size) => [1, size]))
    .expand(x.shape.flatMap((size, i) => [repeats[i]!, size]))
    .reshape(x.shape.map((size, i) => size * repeats[i]!));
}

function flatten(call: Call): Tensor {
  const axis = call.real("axis", 1);
  const at = axis < 0 ? axis + call.x.ndim : axis;
  return call.x.reshape([call.x.shape.slice(0, at).reduce((a, b) => a * b, 1), -1]);
}

function depthToSpace(call: Call): Tensor {
  const [n, c, h, w] = call.x.shape as [number, number, number, number];
  const b = call.real("blocksize", 1);
  const deep = c / (b * b);
  const isColumnFirst = call.text("mode", "DCR") === "CRD";
  const blocks = isColumnFirst ? call.x.reshape([n, deep, b, b, h, w]) : call.x.reshape([n, b, b, deep, h, w]);
  return blocks.permute(isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]).reshape([n, deep, h * b, w * b]);
}

function spaceToDepth(call: Call): Tensor {
  const [n, c, h, w] = call.x.shape as [number, number, number, number];
  const b = call.real("blocksize", 1);
  const blocks = call.x.reshape([n, c, h / b, b, w / b, b]);
  return blocks.permute([0, 3, 5, 1, 2, 4]).reshape([n, c * b * b, h / b, w / b]);
}

export const movement: Operators = {
  ...{ Reshape: reshape, Unsqueeze: unsqueeze, Squeeze: squeeze, Slice: slice, Split: split, Pad: pad },
  ...{ Expand: expandTo, Tile: tile, Flatten: flatten, DepthToSpace: depthToSpace, SpaceToDepth: spaceToDepth },
  Transpose: (call) => call.x.permute(call.ints("perm") ?? call.x.shape.map((_, i) => i).reverse()),
  Concat: (call) => cat(call.tensors, call.real("axis", 0)),
  async Trilu(call) {
    const k = await call.number(1, 0);
    return call.flag("upper", true) ? call.x.triu(k) : call.x.tril(k);
  },
};
