/** Convolutions and pooling over images; sequences are images of height 1. */
import { avgPool2d, conv2d, grad, maxPool2d, onesLike, type Tensor, zeros } from "gradwell";
import type { Call, Operators } from "../call.ts";
import { leaveOut } from "../value.ts";

/** Geometry of sliding windows: [vertical, horizontal], paddings [before, after]. */
interface Windows {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly pads: readonly (readonly [number, number])[];
}

const isSequence = (x: Tensor): boolean => x.ndim === 3;

/** (N, C, L) as (N, C, 1, L). */
function asImages(x: Tensor, name: string): Tensor {
  if (x.ndim !== 3 && x.ndim !== 4) leaveOut(`${x.ndim - 2} dims: ${name} has two`);
  return isSequence(x) ? x.unsqueeze(2) : x;
}

const likeInput = (y: Tensor, x: Tensor): Tensor => (isSequence(x) ? y.squeeze(2) : y);

function pairOf(call: Call, name: string, fallback: readonly number[]): readonly [number, number] {
  const list = call.ints(name) ?? fallback;
  return (list.length === 1 ? [1, list[0]!] : list) as [number, number];
}

function windowsOf(call: Call, x: Tensor, taps: readonly number[]): Windows {
  const kernel = pairOf(call, "kernel_shape", taps);
  const [stride, dilation] = [pairOf(call, "strides", [1, 1]), pairOf(call, "dilations", [1, 1])];
  const given = call.ints("pads");
  const listed = given?.length === 2 ? [0, given[0]!, 0, given[1]!] : given;
  const pads = ([0, 1] as const).map((i) => {
    const [size, reach] = [x.shape[i + 2]!, dilation[i] * (kernel[i] - 1) + 1];
    const auto = call.text("auto_pad", "NOTSET");
    if (auto.startsWith("SAME")) return shared((Math.ceil(size / stride[i]) - 1) * stride[i] + reach - size, auto);
    const [before, after] = [listed?.[i] ?? 0, listed?.[i + 2] ?? 0];
    const room = size + before + after - reach;
    // The last window begins where a whole one no longer fits.
    const more = call.flag("ceil_mode") ? Math.ceil(room / stride[i]) * stride[i] - room : 0;
    return [before, after + more] as const;
  });
  return { kernel, stride, dilation, pads };
}

/** Padding for both ends: the odd one goes where the mode says. */
function shared(total: number, auto: string): readonly [number, number] {
  const [less, more] = [Math.floor(Math.max(0, total) / 2), Math.ceil(Math.max(0, total) / 2)];
  return auto === "SAME_LOWER" ? [more, less] : [less, more];
}

/** The images and the padding for a call: what is the same on both sides the call does itself, within half the kernel. */
function padded(x: Tensor, { kernel, pads }: Windows, value: number): [Tensor, readonly [number, number]] {
  const isOwn = pads.every(([before, after], i) => before === after && 2 * before <= kernel[i]!);
  if (isOwn) return [x, [pads[0]![0], pads[1]![0]]];
  return [x.pad([[0, 0], [0, 0], ...pads], value), [0, 0]];
}

function conv(call: Call): Tensor {
  const [x, weight] = [asImages(call.x, "conv2d"), asImages(call.tensor(1), "conv2d")];
  const windows = windowsOf(call, x, weight.shape.slice(2));
  const [images, padding] = padded(x, windows, 0);
  const { stride, dilation } = windows;
  const options = { stride, padding, dilation, groups: call.real("group", 1) };
  return likeInput(conv2d(images, weight, call.optional(2), options), call.x);
}

/** The gradient of a convolution by its images. */
function convTranspose(call: Call): Tensor {
  const [x, weight] = [asImages(call.x, "conv2d"), asImages(call.tensor(1), "conv2d")];
  const [stride, dilation] = [pairOf(call, "strides", [1, 1]), pairOf(call, "dilations", [1, 1])];
  const extra = pairOf(call, "output_padding", [0, 0]);
  const sizes = ([0, 1] as const).map(
    (i) => (x.shape[i + 2]! - 1) * stride[i] + dilation[i] * (weight.shape[i + 2]! - 1) + 1 + extra[i],
  );
  const groups = call.real("group", 1);
  const images = zeros([x.shape[0]!, weight.shape[1]! * groups, ...sizes], { requiresGrad: true });
  const forwards = conv2d(images, weight, undefined, { stride, dilation, groups });
  const [whole] = grad([forwards], [images], { gradOutputs: [x] });
  const y = cut(call, whole as Tensor, stride, x);
  const bias = call.optional(2);
  return likeInput(bias ? y.add(bias.reshape([-1, 1, 1])) : y, call.x);
}

/** The paddings taken off again. */
function cut(call: Call, whole: Tensor, stride: readonly [number, number], x: Tensor): Tensor {
  const [auto, listed] = [call.text("auto_pad", "NOTSET"), call.ints("pads")];
  const wanted =
    call.ints("output_shape") ??
    (auto.startsWith("SAME") ? [0, 1].map((i) => x.shape[i + 2]! * stride[i]!) : undefined);
  return [0, 1].reduce((y, i) => {
    const size = y.shape[i + 2]!;
    if (!wanted) return y.slice(i + 2, listed?.[i] ?? 0, size - (listed?.[i + 2] ?? 0));
    const [before] = shared(size - wanted[i]!, auto === "NOTSET" ? "SAME_LOWER" : auto);
    const missing = Math.max(0, wanted[i]! - size);
    const pads = y.shape.map((_, d) => [0, d === i + 2 ? missing : 0] as const);
    return y.pad(pads).narrow(i + 2, before, wanted[i]!);
  }, whole);
}

function maxPool(call: Call): Tensor {
  if (call.wants(1)) leaveOut("the indices of the largest values: maxPool2d gives the values");
  const x = asImages(call.x, "maxPool2d");
  const windows = windowsOf(call, x, []);
  if (Math.max(...windows.dilation) > 1) leaveOut("dilations: maxPool2d has none");
  const [images, padding] = padded(x, windows, -Infinity);
  return likeInput(maxPool2d(images, windows.kernel, { stride: windows.stride, padding }), call.x);
}

function averagePool(call: Call): Tensor {
  const x = asImages(call.x, "avgPool2d");
  const windows = windowsOf(call, x, []);
  const mean = (of: Tensor) => {
    const [images, padding] = padded(of, windows, 0);
    return avgPool2d(images, windows.kernel, { stride: windows.stride, padding });
  };
  // Unless padding counts, over the share of each window that lies within the image.
  const y = call.flag("count_include_pad") ? mean(x) : mean(x).div(mean(onesLike(x)));
  return likeInput(y, call.x);
}

const imageDims = (x: Tensor): number[] => x.shape.map((_, i) => i).slice(2);

export const windows: Operators = {
  ...{ Conv: conv, ConvTranspose: convTranspose, MaxPool: maxPool, AveragePool: averagePool },
  GlobalAveragePool: ({ x }) => x.mean(imageDims(x), { keepdim: true }),
  GlobalMaxPool: ({ x }) => x.max(imageDims(x), { keepdim: true }),
};
