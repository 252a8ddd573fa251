/** Reading and writing at indices given by a tensor. */
import { arange, type Tensor, tensor, where, zerosLike } from "gradwell";
import type { Call, Operators } from "../call.ts";
import { leaveOut } from "../value.ts";

/** Indices along a dim, with negative ones counted from its end. */
const fromStart = (index: Tensor, size: number): Tensor => where(index.lt(0), index.add(size), index).to("i32");

function gather(call: Call): Tensor {
  const { x } = call;
  const axis = (call.real("axis", 0) + x.ndim) % x.ndim;
  const index = fromStart(call.tensor(1), x.shape[axis]!);
  return x
    .indexSelect(axis, index.flatten())
    .reshape([...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]);
}

/** The last dim of `index` as one offset into the flattened dims that it indexes. */
function flatOffset(index: Tensor, shape: readonly number[]): Tensor {
  const steps = shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));
  const at = fromStart(index, 0).add(where(index.lt(0), tensor(shape, { dtype: "i32" }), 0));
  return at.mul(tensor(steps, { dtype: "i32" })).sum(-1);
}

function gatherND(call: Call): Tensor {
  const [x, index, batch] = [call.x, call.tensor(1), call.real("batch_dims", 0)];
  const named = x.shape.slice(0, batch + index.shape.at(-1)!);
  const size = named.reduce((a, b) => a * b, 1);
  const [batches, each] = [size / named.slice(batch).reduce((a, b) => a * b, 1), named.slice(batch)];
  const starts = arange(0, size, Math.max(1, size / batches), { dtype: "i32" });
  const at = flatOffset(index, each).reshape([batches, -1]).add(starts.unsqueeze(1)).flatten();
  const rest = x.shape.slice(named.length);
  return x
    .reshape([size, ...rest])
    .indexSelect(0, at)
    .reshape([...index.shape.slice(0, -1), ...rest]);
}

/** `updates` written or added at indices along a dim. Where several meet, ONNX does not define which is written. */
function scatter(call: Call, x: Tensor, dim: number, index: Tensor, updates: Tensor): Tensor {
  const how = call.text("reduction", "none");
  if (how === "add") return x.scatterAdd(dim, index, updates);
  if (how !== "none") return leaveOut(`reduction ${how}: scatterAdd adds`);
  const hits = zerosLike(x).scatterAdd(dim, index, updates.mul(0).add(1));
  return where(hits, zerosLike(x).scatterAdd(dim, index, updates), x);
}

function scatterElements(call: Call): Tensor {
  const axis = call.real("axis", 0);
  return scatter(call, call.x, axis, fromStart(call.tensor(1), call.x.shape.at(axis)!), call.tensor(2));
}

function scatterND(call: Call): Tensor {
  const [x, index, updates] = [call.x, call.tensor(1), call.tensor(2)];
  const named = x.shape.slice(0, index.shape.at(-1)!);
  const rows = x.reshape([named.reduce((a, b) => a * b, 1), -1]);
  const at = flatOffset(index, named).reshape([-1, 1]);
  const [count, width] = [at.shape[0]!, rows.shape[1]!];
  return scatter(call, rows, 0, at.expand([count, width]), updates.reshape([count, width])).reshape(x.shape);
}

/** 1 at the index along a new last dim, or 0. */
const isPlace = (index: Tensor, count: number): Tensor =>
  index.unsqueeze(-1).eq(arange(count, undefined, 1, { dtype: "i32" }));

const lastTo = (x: Tensor, axis: number): Tensor => {
  const order = x.shape.map((_, i) => i).slice(0, -1);
  order.splice((axis + x.ndim) % x.ndim, 0, x.ndim - 1);
  return x.permute(order);
};

async function oneHot(call: Call): Promise<Tensor> {
  const depth = await call.number(1, 0);
  const values = call.tensor(2);
  const at = fromStart(call.x, depth);
  return lastTo(where(isPlace(at, depth), values.narrow(0, 1, 1), values.narrow(0, 0, 1)), call.real("axis", -1));
}

function hardmax(call: Call): Tensor {
  const axis = call.real("axis", -1);
  return lastTo(isPlace(call.x.argmax(axis), call.x.shape.at(axis)!).to("f32"), axis);
}

export const indexing: Operators = {
  ...{ Gather: gather, GatherND: gatherND, ScatterElements: scatterElements, Scatter: scatterElements },
  ...{ ScatterND: scatterND, OneHot: oneHot, Hardmax: hardmax },
  GatherElements(call) {
    const axis = call.real("axis", 0);
    return call.x.gather(axis, fromStart(call.tensor(1), call.x.shape.at(axis)!));
  },
};
