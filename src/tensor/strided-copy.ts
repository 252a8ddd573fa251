/** Copies between strided views: by rows, or, where each view is dense along another dim, by tiles or blocks. */

import { runtimeOf } from "../gpu/device.ts";
import { copyLanes, launchPolicy, strideGroups } from "../gpu/launch-policy.ts";
import {
  strided_copy,
  strided_copy_half,
  strided_copy_vec4,
  transpose_blocks,
  transpose_tiles,
  transpose_tiles_half,
} from "../gpu/shaders.generated.ts";
import { wholeBindingOf } from "./binding.ts";
import { coalesceDims, padDims, type Shape, sizeOf } from "./shape.ts";
import { bytesOf } from "./storage.ts";
import type { Tensor } from "./tensor.ts";

/** A dim with the strides of both views along it. */
interface Dim {
  readonly size: number;
  readonly src: number;
  readonly dst: number;
}

/** The dims of a copy: the last, along which a kernel goes, and for a transpose the one in which src is dense. */
interface Copy {
  readonly src: Tensor;
  readonly dst: Tensor;
  readonly outer: readonly Dim[];
  readonly inner: Dim;
  /** One more dim whose rows are copied one after another. */
  readonly line?: Dim;
  readonly crossed?: Dim;
}

/** In place of a dim that there is not. */
const UNIT: Dim = { size: 1, src: 0, dst: 0 };

/** In the tiles of transpose_tiles.wgsl. */
const TILE = 32;
/** Shorter sides would leave most of a tile empty. */
const MIN_TILED = 8;

/** dst = src, or dst += src, with src seen with `srcStrides`: of one dtype, in different buffers. */
export function stridedCopy(src: Tensor, srcStrides: Shape, dst: Tensor, add: boolean): void {
  const dims = dimsOf(dst.shape, srcStrides, dst.strides);
  const inner = dims.pop() ?? UNIT;
  const dense = dims.findIndex((dim) => dim.src === 1);
  const crossed = dims[dense];
  const transpose = crossed && { src, dst, outer: dims.toSpliced(dense, 1), inner, crossed };
  if (transpose && !add && inner.dst === 1 && runTranspose(transpose)) return;
  copyRows({ src, dst, outer: dims, inner }, add);
}

/** The joined dims of both views, that in which dst is densest last: elements may be copied in any order. */
function dimsOf(shape: Shape, srcStrides: Shape, dstStrides: Shape): Dim[] {
  const order = shape.map((_, i) => i).sort((i, j) => Math.abs(dstStrides[j] ?? 0) - Math.abs(dstStrides[i] ?? 0));
  const sorted = (list: Shape): number[] => order.map((i) => list[i] ?? 0);
  const joined = coalesceDims(sorted(shape), [sorted(srcStrides), sorted(dstStrides)]);
  const [src = [], dst = []] = joined.strides;
  return joined.shape.map((size, i) => ({ size, src: src[i] ?? 0, dst: dst[i] ?? 0 }));
}

/** Copies in tiles or blocks; returns false where neither fits. */
function runTranspose(copy: Copy & { readonly crossed: Dim }): boolean {
  const { dst, outer, inner, crossed } = copy;
  const { device } = dst;
  const rows = sizeOf(outer.map(({ size }) => size));
  if (launchPolicy(device).transposesTiles) {
    if (Math.min(inner.size, crossed.size) < MIN_TILED) return false;
    const args = argsOf(copy, 1, rows * Math.ceil(crossed.size / TILE), TILE);
    runtimeOf(device).run(dst.dtype === "f16" ? transpose_tiles_half : transpose_tiles, args, args.pieces);
    return true;
  }
  if (!isInFours(copy) || inner.src % 4 !== 0 || crossed.size % 4 !== 0 || crossed.dst % 4 !== 0) return false;
  const args = argsOf(copy, 4, rows * (crossed.size / 4), copyLanes(device, inner.size).piece);
  runtimeOf(device).run(transpose_blocks, args, strideGroups(device, args.pieces));
  return true;
}

function copyRows(copy: Copy, add: boolean): void {
  const { dst, outer, inner } = copy;
  const { device } = dst;
  const unit = inner.src === 1 && inner.dst === 1 && isInFours(copy) ? 4 : 1;
  const { LANES, piece, lines } = copyLanes(device, inner.size / unit);
  const line = outer.at(-1) ?? UNIT;
  const rest = outer.slice(0, -1);
  const rows = sizeOf(rest.map(({ size }) => size)) * Math.ceil(line.size / lines);
  const args = argsOf({ ...copy, outer: rest, line }, unit, rows, piece, lines);
  const shader = dst.dtype === "f16" ? strided_copy_half : unit === 4 ? strided_copy_vec4 : strided_copy;
  runtimeOf(device).run(shader, args, strideGroups(device, args.pieces * LANES), { MODE: add ? 2 : 1, LANES });
}

/** Whole fours of words: rows of them, from places that are multiples of four. */
function isInFours({ src, dst, outer, inner }: Copy): boolean {
  const places = [src.offset, dst.offset, inner.size, ...outer.flatMap((dim) => [dim.src, dim.dst])];
  return bytesOf(dst.dtype) === 4 && places.every((place) => place % 4 === 0);
}

/** The arguments of a kernel for `rows` rows, cut into pieces, that counts in units of 1 or 4 elements. */
function argsOf(copy: Copy, unit: 1 | 4, rows: number, piece: number, lines = 1) {
  const { src, dst, outer, inner, line = UNIT, crossed = UNIT } = copy;
  const length = inner.size / unit;
  const piecesPerRow = Math.ceil(length / piece);
  /** A dense dim has a stride of one unit. */
  const strideOf = (stride: number) => (stride === 1 ? 1 : stride / unit);
  const strides = (side: "src" | "dst") =>
    padDims(
      outer.map((dim) => dim[side] / unit),
      0,
    );
  return {
    src: wholeBindingOf(src),
    dst: wholeBindingOf(dst),
    srcOffset: src.offset / unit,
    dstOffset: dst.offset / unit,
    pieces: rows * piecesPerRow,
    piecesPerRow,
    piece,
    inner: length,
    srcInner: strideOf(inner.src),
    dstInner: strideOf(inner.dst),
    lines,
    lineCount: line.size,
    srcLine: line.src / unit,
    dstLine: line.dst / unit,
    crossed: Math.ceil(crossed.size / unit),
    dstCrossed: crossed.dst / unit,
    rank: outer.length,
    srcStrides: strides("src"),
    dstStrides: strides("dst"),
    shape: padDims(
      outer.map(({ size }) => size),
      1,
    ),
  };
}
