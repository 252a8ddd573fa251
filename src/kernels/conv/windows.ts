/** The geometry of sliding windows over images, shared by convolution and pooling. */

/** The sizes of windows over images of height x width, named as in the shaders' params. */
export interface Windows {
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly paddingY: number;
  readonly paddingX: number;
  readonly dilationY: number;
  readonly dilationX: number;
}

/** Returns true when each window is one element and the windows are all elements in order: columns equal the image. */
export const isIdentity = (w: Windows): boolean =>
  w.kernelHeight * w.kernelWidth * w.strideY * w.strideX === 1 && w.paddingY + w.paddingX === 0;

/** Returns true when one window covers the whole image. */
export const isGlobal = (w: Windows): boolean =>
  w.kernelHeight === w.height && w.kernelWidth === w.width && w.paddingY + w.paddingX === 0;
