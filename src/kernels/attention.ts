/** Launches of fused attention: `dropout(softmax(scale q k^T + mask)) v` and its gradients, without the matrix of scores. */
import { runtimeOf } from "../gpu/device.ts";
import type { AttentionVariant } from "../gpu/launch-policy.ts";
import type { OverridesOf, RunArgs, Shader } from "../gpu/shader.ts";
import {
  attention_grad_kv_lanes,
  attention_grad_kv_lanes_vec4,
  attention_grad_kv_tile,
  attention_grad_kv_tile_vec4,
  attention_grad_q_lanes,
  attention_grad_q_lanes_vec4,
  attention_grad_q_tile,
  attention_grad_q_tile_vec4,
  attention_lanes,
  attention_lanes_vec4,
  attention_tile,
  attention_tile_vec4,
} from "../gpu/shaders.generated.ts";
import { bindingOf, wholeBindingOf } from "../tensor/binding.ts";
import type { RandomCall } from "../tensor/random.ts";
import { type Scratch, withScratch } from "../tensor/scratch.ts";
import { broadcastStrides, type Shape, sameShape, sizeAt, sizeOf, stridesOf } from "../tensor/shape.ts";
import { empty, storageOf, type Tensor, view } from "../tensor/tensor.ts";
import { dropoutParams } from "./random.ts";

/** q (..., L, E), k (..., S, E), v (..., S, Ev), of the same dims in front, f32, any strides; a mask broadcasts to (..., L, S). */
export type AttentionOperands = readonly [q: Tensor, k: Tensor, v: Tensor, mask?: Tensor | undefined];

export interface AttentionSettings {
  readonly scale: number;
  /** Query i sees the keys 0 to i. */
  readonly isCausal: boolean;
  readonly dropout: number;
  /** Returns the random call of the current run or replay. Not needed without dropout. */
  readonly call?: (() => RandomCall) | undefined;
}

/** The programs of each kernel: as it is named, and for operands that can be read as vec4. */
const KERNELS = {
  lanes: {
    forward: [attention_lanes, attention_lanes_vec4],
    gradQ: [attention_grad_q_lanes, attention_grad_q_lanes_vec4],
    gradKV: [attention_grad_kv_lanes, attention_grad_kv_lanes_vec4],
    /** Queries of a tile of y and of gradQ, and keys of a tile of gradK and gradV. */
    rows: 8,
    keys: 8,
  },
  tile: {
    forward: [attention_tile, attention_tile_vec4],
    gradQ: [attention_grad_q_tile, attention_grad_q_tile_vec4],
    gradKV: [attention_grad_kv_tile, attention_grad_kv_tile_vec4],
    rows: 32,
    keys: 32,
  },
} as const;

/** Columns of a tile, and of one with the override WIDE. */
const COLS = { narrow: 32, wide: 64 };

/** Dims in front of the matrices that the kernels know. */
const LEAD = 4;

/** True if the kernels know operands of these dims in front: no empty ones, and few dims. */
export const canFuse = (operands: readonly Tensor[], lead: Shape): boolean =>
  operands.every(({ size }) => size > 0) && lead.length <= LEAD;

/** y (..., L, Ev), its dims in memory in the order of q's; stats (3, batch, L): largest score, 1 / sum, room for the backward. */
export function runAttention(
  operands: AttentionOperands,
  settings: AttentionSettings,
  variant: AttentionVariant,
): { y: Tensor; stats: Tensor } {
  const [q, k, v] = operands;
  const y = emptyLike(q, q.shape.with(-1, sizeAt(v.shape, -1)));
  const stats = empty(q.device, [3, sizeOf(q.shape.slice(0, -1))]);
  const { forward, rows } = KERNELS[variant];
  const shader = forward[isVectored([q, k, v, y]) ? 1 : 0];
  const bindings = { y: wholeBindingOf(y), stats: bindingOf(stats) };
  const args = { ...argsOf(operands, settings, { y }), ...bindings };
  run({ q, shader, rows: [sizeAt(q.shape, -2), rows], cols: sizeAt(v.shape, -1), operands, settings }, args);
  return { y, stats };
}

/** Tensors that backward reads besides the operands. */
interface Results {
  readonly y: Tensor;
  readonly stats: Tensor;
  readonly gradY: Tensor;
}

/** The gradients of q, k and v, those of k and v where `needsKV`; each in memory like its operand, in one block if those are. */
export function runAttentionBackward(
  operands: AttentionOperands,
  settings: AttentionSettings,
  variant: AttentionVariant,
  { y, stats, gradY }: Results,
  needsKV: boolean,
): [q: Tensor, k?: Tensor, v?: Tensor] {
  const [q, k, v] = operands;
  return withScratch((scratch) => {
    const g = readable(scratch, gradY, isVectored([q, k, v, y]));
    const [gradQ, gradK, gradV] = needsKV ? gradientsLike(q, k, v) : ([emptyLike(q, q.shape)] as const);
    const which = isVectored([q, k, v, y, g]) ? 1 : 0;
    const { gradQ: forQ, gradKV: forKV, rows, keys } = KERNELS[variant];
    const args = argsOf(operands, settings, { y, gradY: g, gradQ, gradK, gradV });
    const shared = { ...args, stats: bindingOf(stats) };
    const E = sizeAt(q.shape, -1);
    const launch = { q, operands, settings };
    const argsQ = { ...shared, y: wholeBindingOf(y), gradQ: wholeBindingOf(gradQ) };
    run({ ...launch, shader: forQ[which], rows: [sizeAt(q.shape, -2), rows], cols: E }, argsQ);
    if (!gradK || !gradV) return [gradQ];
    const cols = Math.max(E, sizeAt(v.shape, -1));
    const argsKV = { ...shared, gradKV: wholeBindingOf(gradK) };
    run({ ...launch, shader: forKV[which], rows: [sizeAt(k.shape, -2), keys], cols }, argsKV);
    return [gradQ, gradK, gradV];
  });
}

interface AttentionLaunch<S extends Shader> {
  readonly q: Tensor;
  readonly shader: S;
  /** The rows that are written, and those of a tile. */
  readonly rows: readonly [number, number];
  readonly cols: number;
  readonly operands: AttentionOperands;
  readonly settings: AttentionSettings;
}

type AttentionShader = (typeof KERNELS)[AttentionVariant]["forward" | "gradQ" | "gradKV"][0 | 1];

function run<S extends AttentionShader>(launch: AttentionLaunch<S>, args: RunArgs<S>): void {
  const { q, shader, rows, cols, operands, settings } = launch;
  const { call, dropout, isCausal } = settings;
  const isWide = cols > COLS.narrow && shader.overrides.some(({ name }) => name === "WIDE");
  const mask = operands[3];
  // What is the shader's default is left out, so that as few pipelines as possible are made.
  const overrides = {
    ...(isWide && { WIDE: true }),
    ...(isCausal && { CAUSAL: true }),
    ...(mask && { MASK: mask.dtype === "bool" ? 1 : 2 }),
    ...(dropout > 0 && { DROPOUT: true }),
  } as OverridesOf<S>;
  const across = Math.ceil(cols / (isWide ? COLS.wide : COLS.narrow));
  const groups = Math.ceil(rows[0] / rows[1]) * across * sizeOf(q.shape.slice(0, -2));
  if (dropout > 0 && call) runtimeOf(q.device).runDynamic(shader, args, call, groups, overrides);
  else runtimeOf(q.device).run(shader, args, groups, overrides);
}

type Written = Partial<Record<"y" | "gradY" | "gradQ" | "gradK" | "gradV", Tensor>>;

/** The arguments that all kernels take. */
function argsOf([q, k, v, mask]: AttentionOperands, { scale, dropout }: AttentionSettings, others: Written) {
  const lead = q.shape.slice(0, -2);
  const [L, S] = [sizeAt(q.shape, -2), sizeAt(k.shape, -2)];
  const { y, gradY, gradQ, gradK, gradV } = others;
  const maskStrides = mask ? broadcastStrides(mask.shape, mask.strides, [...lead, L, S]) : undefined;
  return {
    q: wholeBindingOf(q),
    k: wholeBindingOf(k),
    v: wholeBindingOf(v),
    // What a kernel does not read must be bound all the same.
    mask: wholeBindingOf(mask ?? q),
    gradY: wholeBindingOf(gradY ?? q),
    L,
    S,
    E: sizeAt(q.shape, -1),
    Ev: sizeAt(v.shape, -1),
    batches: sizeOf(lead),
    scale,
    ...dropoutParams(dropout),
    seedLow: 0,
    seedHigh: 0,
    call: 0,
    lead: padded(lead, 1),
    leadQ: leadOf(q.strides),
    placeQ: placeOf(q.offset, q.strides),
    leadK: leadOf(k.strides),
    placeK: placeOf(k.offset, k.strides),
    leadV: leadOf(v.strides),
    placeV: placeOf(v.offset, v.strides),
    leadMask: leadOf(maskStrides),
    placeMask: placeOf(mask?.offset, maskStrides),
    leadY: leadOf(y?.strides),
    placeY: placeOf(y?.offset, y?.strides),
    leadGradY: leadOf(gradY?.strides),
    placeGradY: placeOf(gradY?.offset, gradY?.strides),
    leadGradQ: leadOf(gradQ?.strides),
    placeGradQ: placeOf(gradQ?.offset, gradQ?.strides),
    leadGradK: leadOf(gradK?.strides),
    placeGradK: placeOf(gradK?.offset, gradK?.strides),
    leadGradV: leadOf(gradV?.strides),
    placeGradV: placeOf(gradV?.offset, gradV?.strides),
  };
}

const padded = (list: Shape, fill: number): number[] => [...new Array<number>(LEAD - list.length).fill(fill), ...list];
const leadOf = (strides: Shape = []): number[] => padded(strides.slice(0, -2), 0);
const placeOf = (offset = 0, strides: Shape = [0, 0]): number[] => [offset, ...strides.slice(-2), 0];

/** True if the elements of each can be read as vec4: contiguous along the last dim, all else multiples of 4. */
function isVectored(tensors: readonly Tensor[]): boolean {
  return tensors.every(({ shape, strides, offset }) => {
    const ofFour = (_: number, i: number) => shape[i] === 1 || (strides[i] as number) % 4 === 0;
    const outer = shape.slice(0, -1);
    return sizeAt(shape, -1) % 4 === 0 && strides.at(-1) === 1 && offset % 4 === 0 && outer.every(ofFour);
  });
}

/** A gradient as the kernels for vec4 read it, if these are wanted: the sum of all y gives one of strides 0. */
const readable = (scratch: Scratch, x: Tensor, vectored: boolean): Tensor =>
  vectored && !isVectored([x]) ? scratch.contiguous(x) : x;

/** A tensor of `shape`, its dims in memory in the order of x's, the last one innermost. */
function emptyLike(x: Tensor, shape: Shape): Tensor {
  const dense = empty(x.device, [sizeOf(shape)]);
  const y = view(dense, shape, stridesLike(x, shape), 0);
  dense.dispose();
  return y;
}

/** The strides of a dense tensor of `shape` whose dims lie in memory in the order of x's, the last one innermost. */
function stridesLike(x: Tensor, shape: Shape): number[] {
  const order = orderOf(x.strides);
  const dense = stridesOf(order.map((dim) => sizeAt(shape, dim)));
  return shape.map((_, dim) => sizeAt(dense, order.indexOf(dim)));
}

/** All dims but the last by descending stride, then the last. */
function orderOf(strides: Shape): number[] {
  const last = strides.length - 1;
  const outer = Array.from({ length: last }, (_, i) => i);
  // Broadcast dims have no place of their own.
  const isBroadcast = strides.slice(0, -1).includes(0);
  if (!isBroadcast) outer.sort((a, b) => Math.abs(sizeAt(strides, b)) - Math.abs(sizeAt(strides, a)) || a - b);
  return [...outer, last];
}

/**
 * Memory for the gradients of q, k and v, those of k and v in one storage. Where q, k and v lie side by side in one block, as
 * heads of one projection do, so do their gradients, and the projection's gradient is that block, without a copy.
 */
function gradientsLike(q: Tensor, k: Tensor, v: Tensor): [Tensor, Tensor, Tensor] {
  const distance = k.offset - q.offset;
  const isBlock =
    [k, v].every((x, i) => isAside(q, x, (i + 1) * distance)) && fillsMemory([3, ...q.shape], [distance, ...q.strides]);
  if (!isBlock) return [emptyLike(q, q.shape), ...sideBySide(k, v)];
  const block = empty(q.device, [3 * q.size]);
  const part = (i: number) => view(block, q.shape, q.strides, i * distance);
  const parts: [Tensor, Tensor, Tensor] = [part(0), part(1), part(2)];
  block.dispose();
  return parts;
}

/** Elements at which a view can be bound. */
const ALIGNED = 64;

/** Two tensors like k and v in one storage. */
function sideBySide(k: Tensor, v: Tensor): [Tensor, Tensor] {
  const start = Math.ceil(k.size / ALIGNED) * ALIGNED;
  const block = empty(k.device, [start + v.size]);
  const parts: [Tensor, Tensor] = [
    view(block, k.shape, stridesLike(k, k.shape), 0),
    view(block, v.shape, stridesLike(v, v.shape), start),
  ];
  block.dispose();
  return parts;
}

/** True if `other` is like x, and as many elements further on in the same memory. */
const isAside = (x: Tensor, other: Tensor, distance: number): boolean =>
  storageOf(other) === storageOf(x) &&
  other.offset - x.offset === distance &&
  sameShape(other.shape, x.shape) &&
  sameShape(other.strides, x.strides);

/** True if a tensor has every element of its range of memory once, its last dim innermost. */
function fillsMemory(shape: Shape, strides: Shape): boolean {
  const dims = shape.map((size, i) => ({ size, stride: sizeAt(strides, i) })).filter(({ size }) => size > 1);
  const sorted = dims.toSorted((a, b) => a.stride - b.stride);
  let step = 1;
  const isDense = sorted.every(({ size, stride }) => {
    const fits = stride === step;
    step *= size;
    return fits;
  });
  return isDense && strides.at(-1) === 1;
}
