/** Copies, fills and sums in place: what moves bytes between views without being part of any graph. */

import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { copy, fill as fillShader } from "../gpu/shaders.generated.ts";
import { bindingOf, ownsPadding } from "./binding.ts";
import { bitsOfFloat, toHalf } from "./half.ts";
import { isDense, sameShape } from "./shape.ts";
import { bytesOf, type Dtype } from "./storage.ts";
import { stridedCopy } from "./strided-copy.ts";
import { assertReadable, empty, storageOf, type Tensor } from "./tensor.ts";

const vectorsOf = (tensor: Tensor): number => Math.ceil((tensor.size * bytesOf(tensor.dtype)) / 16);

/** The 32 bits of a value as the dtype stores it; of f16, two of them. */
export function bitsOf(value: number, dtype: Dtype): number {
  if (dtype === "f32") return bitsOfFloat(value);
  if (dtype === "f16") return toHalf(value) * 0x10001;
  if (dtype === "bool") return value === 0 ? 0 : 1;
  return value >>> 0;
}

/** Notes that a tensor's elements are about to be replaced. */
export function noteWritten(tensor: Tensor): void {
  const { size, dtype } = tensor;
  const storage = storageOf(tensor);
  storage.version++;
  if (size * bytesOf(dtype) === storage.bytes) storage.restore();
}

/** Writes one value everywhere, through any view. */
export function fill(tensor: Tensor, value: number): void {
  if (tensor.size === 0) return;
  noteWritten(tensor);
  const bits = bitsOf(value, tensor.dtype);
  if (fillWithoutKernel(tensor, bits)) return;
  if (tensor.isContiguous && ownsPadding(tensor)) {
    const vectors = vectorsOf(tensor);
    runtimeOf(tensor.device).run(
      fillShader,
      { y: bindingOf(tensor), vectors, bits },
      strideGroups(tensor.device, vectors),
    );
    return;
  }
  const scalar = empty(tensor.device, [], tensor.dtype);
  fill(scalar, value);
  stridedCopy(scalar, new Array<number>(tensor.ndim).fill(0), tensor, false);
  scalar.dispose();
}

/** Bytes of constants that are written from the host. */
const SMALL_BYTES = 1024;

/** Zeros and small constants need no kernel, which would take a software adapter tens of milliseconds to compile. */
function fillWithoutKernel(tensor: Tensor, bits: number): boolean {
  const { recorder } = runtimeOf(tensor.device);
  const bytes = wholeWords(tensor);
  if (recorder.tape || bytes === undefined) return false;
  const binding = bindingOf(tensor);
  if (bits === 0) recorder.clear(binding, bytes);
  else if (bytes <= SMALL_BYTES && binding.buffer.lastUse < recorder.submitIndex)
    recorder.upload(binding, new Uint32Array(bytes / 4).fill(bits));
  else return false;
  return true;
}

/** The bytes of a dense tensor that copies between buffers can reach: in whole words. */
function wholeWords({ dtype, size, shape, strides, offset }: Tensor): number | undefined {
  const each = bytesOf(dtype);
  const fits = isDense(shape, strides) && (offset * each) % 4 === 0 && (size * each) % 4 === 0;
  return fits ? size * each : undefined;
}

/** `x` itself when it is contiguous (unless `copy`), else a dense copy. Callers dispose what is not `x`. */
export function contiguous(x: Tensor, { copy: always = false } = {}): Tensor {
  if (x.isContiguous && !always) return x;
  const dense = empty(x.device, x.shape, x.dtype);
  copyInto(dense, x);
  return dense;
}

/** dst = src for equal shapes and dtypes, any strides. */
export function copyInto(dst: Tensor, src: Tensor): void {
  transfer("copy", dst, src, false);
}

/** dst += src, floats of one dtype, equal shapes, any strides. */
export function addInPlace(dst: Tensor, src: Tensor): void {
  transfer("add", dst, src, true);
}

function transfer(op: string, dst: Tensor, src: Tensor, add: boolean): void {
  check(sameShape(dst.shape, src.shape), ShapeError, () => expected(op, "src", `shape [${dst.shape}]`, src));
  check(dst.dtype === src.dtype, DtypeError, () => expected(op, "src", `dtype ${dst.dtype}`, src.dtype));
  if (dst.size === 0) return;
  assertReadable(src, op);
  if (add) assertReadable(dst, op);
  if (add) storageOf(dst).version++;
  else noteWritten(dst);
  if (storageOf(dst).buffer === storageOf(src).buffer) {
    throughCopy(op, dst, src, add);
    return;
  }
  const { recorder } = runtimeOf(dst.device);
  const bytes = wholeWords(dst);
  if (!add && !recorder.tape && bytes !== undefined && bytes === wholeWords(src)) {
    recorder.copy(bindingOf(src), bindingOf(dst), bytes);
    return;
  }
  const inVectors = !add || dst.dtype === "f32";
  if (inVectors && dst.isContiguous && src.isContiguous && ownsPadding(dst)) {
    const vectors = vectorsOf(dst);
    runtimeOf(dst.device).run(
      copy,
      { src: bindingOf(src), dst: bindingOf(dst), vectors },
      strideGroups(dst.device, vectors),
      {
        ADD: add,
      },
    );
    return;
  }
  stridedCopy(src, src.strides, dst, add);
}

/** A dispatch may not read and write one buffer: views of one storage go through a third tensor. */
function throughCopy(op: string, dst: Tensor, src: Tensor, add: boolean): void {
  const between = empty(src.device, src.shape, src.dtype);
  stridedCopy(src, src.strides, between, false);
  transfer(op, dst, between, add);
  between.dispose();
}

/** Writes host values into a contiguous tensor. */
export function upload(tensor: Tensor, bytes: ArrayBufferView<ArrayBuffer>): void {
  check(tensor.isContiguous, ArgumentError, () => expected("upload", "tensor", "a contiguous tensor", tensor));
  const { device } = tensor;
  noteWritten(tensor);
  if (!runtimeOf(device).recorder.tape) {
    runtimeOf(device).recorder.upload(bindingOf(tensor), bytes);
    return;
  }
  // A replay does not upload again: it copies from a constant that lies outside the capture's reused memory.
  const constant = runtimeOf(device).outsideCapture(() => empty(device, tensor.shape, tensor.dtype));
  runtimeOf(device).recorder.upload(bindingOf(constant), bytes);
  copyInto(tensor, constant);
  constant.dispose();
}
