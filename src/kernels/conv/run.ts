/** Convolution, its data gradient and its weight gradient, read from images in place. Which kernel runs is decided in select.ts. */

import { type Device, runtimeOf } from "../../gpu/device.ts";
import { launchPolicy } from "../../gpu/launch-policy.ts";
import { bindingOf } from "../../tensor/binding.ts";
import { fill } from "../../tensor/copy.ts";
import { withScratch } from "../../tensor/scratch.ts";
import { type Shape, sizeAt } from "../../tensor/shape.ts";
import { empty, type Tensor } from "../../tensor/tensor.ts";
import { addParts, runMatmul } from "../matmul/run.ts";
import { type ConvKernel, chooseSums, chooseWeight, kernels, type Variant } from "./select.ts";
import { isIdentity, type Windows } from "./windows.ts";

export interface Convolution {
  readonly windows: Windows;
  /** Groups of channels: each group of y's reads its own group of x's. */
  readonly groups: number;
}

interface Options {
  /** Forces a kernel, for tests and measurements. */
  readonly variant?: Variant | undefined;
}

export interface ForwardOptions extends Options {
  /** (O), added to y's channels. */
  readonly bias?: Tensor | undefined;
}

/** Returns y (N, O, outH, outW) of x (N, C, H, W) and weight (O, C / groups, kH, kW). */
export function runConv(x: Tensor, weight: Tensor, conv: Convolution, options: ForwardOptions = {}): Tensor {
  const { outHeight, outWidth } = conv.windows;
  const y = empty(x.device, [sizeAt(x.shape, 0), sizeAt(weight.shape, 0), outHeight, outWidth]);
  const { bias, variant } = options;
  if (isPlain(conv) && !bias && !variant) runPlain(x, weight, y, false);
  else runSums({ x, weight, y, bias }, conv, forwardParams(conv, weight.shape), variant);
  return y;
}

/** Returns the gradient of x, of this shape (N, C, H, W), from gradY (N, O, outH, outW) and weight: a transposed convolution. */
export function runConvGradX(
  gradY: Tensor,
  weight: Tensor,
  conv: Convolution,
  shape: Shape,
  { variant }: Options = {},
): Tensor {
  const gradX = empty(gradY.device, shape);
  if (isPlain(conv) && !variant) runPlain(gradY, weight, gradX, true);
  else runSums({ x: gradY, weight, y: gradX }, conv, gradXParams(conv, weight.shape), variant);
  return gradX;
}

const isPlain = ({ windows, groups }: Convolution): boolean => groups === 1 && isIdentity(windows);

/** Windows of one element, as they lie: y is a product of weight, or its transpose, and each image. */
function runPlain(x: Tensor, weight: Tensor, y: Tensor, transA: boolean): void {
  const [images = 0, K = 0, height = 0, width = 0] = x.shape;
  const M = sizeAt(y.shape, 1);
  withScratch((scratch) => {
    const [a, b] = [bindingOf(scratch.contiguous(weight)), bindingOf(scratch.contiguous(x))];
    runMatmul(x.device, { a, b, c: bindingOf(y), M, N: height * width, K, transA, batch: images, strideA: 0 });
  });
}

/** The params of lib/conv.wgsl by which a convolution and its data gradient differ. */
type SumsParams = ReturnType<typeof forwardParams>;

function forwardParams({ windows: w, groups }: Convolution, [outputs = 0, reduced = 0]: Shape) {
  const taps = w.kernelHeight * w.kernelWidth;
  return {
    rows: outputs / groups,
    reduced,
    phasesY: 1,
    phasesX: 1,
    stepY: w.strideY,
    stepX: w.strideX,
    baseY: -w.paddingY,
    baseX: -w.paddingX,
    tapY: w.dilationY,
    tapX: w.dilationX,
    weightRow: reduced * taps,
    weightReduced: taps,
  };
}

function gradXParams({ windows: w, groups }: Convolution, [outputs = 0, rows = 0]: Shape): SumsParams {
  const taps = w.kernelHeight * w.kernelWidth;
  return {
    rows,
    reduced: outputs / groups,
    phasesY: w.strideY,
    phasesX: w.strideX,
    stepY: 1,
    stepX: 1,
    baseY: w.paddingY,
    baseX: w.paddingX,
    tapY: -w.dilationY,
    tapX: -w.dilationX,
    weightRow: taps,
    weightReduced: rows * taps,
  };
}

interface SumsTensors {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly y: Tensor;
  readonly bias?: Tensor | undefined;
}

function runSums({ x, weight, y, bias }: SumsTensors, conv: Convolution, params: SumsParams, variant?: Variant): void {
  const { device } = x;
  const { windows, groups } = conv;
  const { kernelHeight, kernelWidth } = windows;
  const [images = 0, , height = 0, width = 0] = x.shape;
  const [outHeight = 0, outWidth = 0] = y.shape.slice(2);
  const kernel: ConvKernel = variant ? kernels[variant] : chooseSums(device, windows);
  const phases = params.phasesY * params.phasesX;
  const isFlat = phases === 1 && params.reduced < (kernel.staged ?? 0);
  const flat = { FLAT: true, TAPS: kernelHeight * kernelWidth, KERNEL_WIDTH: kernelWidth };
  withScratch((scratch) => {
    const args = {
      x: bindingOf(scratch.contiguous(x)),
      weight: bindingOf(scratch.contiguous(weight)),
      bias: bindingOf(scratch.contiguous(bias ?? weight)),
      y: bindingOf(y),
      images,
      groups,
      height,
      width,
      outHeight,
      outWidth,
      kernelHeight,
      kernelWidth,
      ...params,
      weightGroup: weight.size / groups,
      hasBias: Number(bias !== undefined),
    };
    runtimeOf(device).run(kernel.sums, args, sumsTiles(kernel, y.shape, params) * groups * phases, isFlat ? flat : {});
  });
}

/** Tiles of a kernel that cover the rows and sites of a group and phase. */
function sumsTiles(
  { rows, blocks, block }: ConvKernel,
  [images = 0, , height = 0, width = 0]: Shape,
  params: SumsParams,
) {
  const down = Math.ceil(Math.ceil(height / params.phasesY) / block[0]);
  const across = Math.ceil(Math.ceil(width / params.phasesX) / block[1]);
  return Math.ceil((images * down * across) / blocks) * Math.ceil(params.rows / rows);
}

/** Most terms that are added up one after another: rounding errors grow with their number. */
const LONGEST_SUM = 2048;

/** Lines of y whose products one workgroup adds up: few enough for exact sums, and for as many workgroups as fill the adapter. */
function linesPerPart(device: Device, lines: number, width: number, tiles: number): number {
  const { groups, minPart } = launchPolicy(device).splitK;
  const wanted = Math.min(Math.floor(groups / tiles), Math.floor((lines * width) / minPart));
  const longest = Math.max(1, Math.floor(LONGEST_SUM / width));
  return Math.min(longest, Math.ceil(lines / Math.max(1, wanted)));
}

export interface WeightGradients extends Options {
  /** Tensors to write to. */
  readonly gradWeight: Tensor;
  readonly gradBias?: Tensor | undefined;
}

/** Computes the gradients of weight and bias from gradY (N, O, outH, outW) and x (N, C, H, W), in one product over all images. */
export function runConvGradWeight(gradY: Tensor, x: Tensor, conv: Convolution, options: WeightGradients): void {
  const { gradWeight, gradBias, variant } = options;
  const { device } = x;
  const { windows, groups } = conv;
  const [outputs, channels] = [sizeAt(gradWeight.shape, 0), sizeAt(gradWeight.shape, 1)];
  const lines = sizeAt(x.shape, 0) * windows.outHeight;
  if (lines === 0 || gradWeight.size === 0) {
    fill(gradWeight, 0);
    if (gradBias) fill(gradBias, 0);
    return;
  }
  const kernel: ConvKernel = variant ? kernels[variant] : chooseWeight(device, windows, channels);
  const taps = kernel.isDirect ? 1 : windows.kernelHeight * windows.kernelWidth;
  const { rows, columns } = kernel.weightTile;
  const tiles = Math.ceil(outputs / groups / rows) * Math.ceil((channels * taps) / columns) * groups;
  const partLines = linesPerPart(device, lines, windows.outWidth, tiles);
  const parts = Math.ceil(lines / partLines);
  withScratch((scratch) => {
    const isWhole = parts === 1;
    const sums = isWhole ? gradWeight : scratch.empty(device, [parts, gradWeight.size]);
    const biasSums = isWhole && gradBias ? gradBias : scratch.empty(device, [parts, gradBias ? outputs : 1]);
    const args = {
      x: bindingOf(scratch.contiguous(x)),
      gradY: bindingOf(scratch.contiguous(gradY)),
      gradWeight: bindingOf(sums),
      biasGrad: bindingOf(biasSums),
      images: sizeAt(x.shape, 0),
      groups,
      channels,
      rows: outputs / groups,
      ...windows,
      partLines,
      hasBiasGrad: Number(gradBias !== undefined),
    };
    runtimeOf(device).run(kernel.weight, args, tiles * parts);
    if (isWhole) return;
    addParts(device, bindingOf(sums), bindingOf(gradWeight), { parts, size: gradWeight.size });
    if (gradBias) addParts(device, bindingOf(biasSums), bindingOf(gradBias), { parts, size: outputs });
  });
}
