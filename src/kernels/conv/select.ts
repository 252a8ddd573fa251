/** Selection of the convolution kernels: a table per kind of adapter, by the windows. */
import type { Device } from "../../gpu/device.ts";
import { adapters } from "../../gpu/launch-policy.ts";
import {
  conv_direct,
  conv_direct_subgroups,
  conv_direct_weight,
  conv_direct_weight_subgroups,
  conv_tile,
  conv_tile_weight,
  conv_window,
  conv_window_subgroups,
  conv_window_weight,
  conv_window_weight_subgroups,
} from "../../gpu/shaders.generated.ts";
import type { Windows } from "./windows.ts";

type SumsShader = typeof conv_direct | typeof conv_window | typeof conv_tile;
type WeightShader = typeof conv_direct_weight | typeof conv_window_weight | typeof conv_tile_weight;

/** The kernel of a convolution and its data gradient, with that of its weight gradient. */
export interface ConvKernel {
  readonly sums: SumsShader;
  /** Channels of y that a workgroup computes, and how many blocks of how many sites. */
  readonly rows: number;
  readonly blocks: number;
  readonly block: readonly [rows: number, columns: number];
  readonly weight: WeightShader;
  /** The part of the weight's gradient that a workgroup computes; a column is a channel, with all taps or one. */
  readonly weightTile: { readonly rows: number; readonly columns: number };
  /** For windows of 3 x 3 with stride 1 and no dilation alone. */
  readonly isDirect?: boolean;
  /** Channels that it stages at a time: with fewer it takes the taps together. */
  readonly staged?: number;
  /** The adapters that it can run on, and those that it is for. */
  readonly supportedOn?: (device: Device) => boolean;
  readonly preferredOn: (device: Device) => boolean;
}

const DIRECT = { rows: 16, blocks: 8, block: [2, 4], weightTile: { rows: 16, columns: 8 }, isDirect: true } as const;
const WINDOW = { rows: 16, blocks: 32, block: [1, 1], weightTile: { rows: 16, columns: 32 } } as const;

/** The first line that fits is taken. */
export const kernels = {
  directSubgroups: {
    ...DIRECT,
    sums: conv_direct_subgroups,
    weight: conv_direct_weight_subgroups,
    supportedOn: adapters.subgroups(8),
    preferredOn: adapters.softwareSubgroups(8),
  },
  windowSubgroups: {
    ...WINDOW,
    sums: conv_window_subgroups,
    weight: conv_window_weight_subgroups,
    supportedOn: adapters.subgroups(8),
    preferredOn: adapters.softwareSubgroups(8),
  },
  direct: { ...DIRECT, sums: conv_direct, weight: conv_direct_weight, preferredOn: adapters.software },
  window: { ...WINDOW, sums: conv_window, weight: conv_window_weight, preferredOn: adapters.software },
  tile: {
    sums: conv_tile,
    rows: 32,
    blocks: 128,
    block: [1, 1],
    staged: 16,
    weight: conv_tile_weight,
    weightTile: { rows: 32, columns: 64 },
    preferredOn: adapters.gpu,
  },
} as const satisfies Record<string, ConvKernel>;

export type Variant = keyof typeof kernels;
export const variants = Object.keys(kernels) as Variant[];

const isDirect = (w: Windows): boolean =>
  w.kernelHeight === 3 && w.kernelWidth === 3 && w.strideY * w.strideX * w.dilationY * w.dilationX === 1;

/** True if a device can run a kernel on such windows, whatever the table prefers. */
export function canRun(device: Device, variant: Variant, windows: Windows): boolean {
  const kernel: ConvKernel = kernels[variant];
  return (kernel.supportedOn?.(device) ?? true) && (!kernel.isDirect || isDirect(windows));
}

/** Channels of a group below which a lane each leaves lanes of a weight gradient idle: there each tap has a lane. */
const FEW_CHANNELS = 5;

/** The kernel for a convolution or its data gradient. */
export const chooseSums = (device: Device, windows: Windows): ConvKernel =>
  kernels[variants.find((one) => kernels[one].preferredOn(device) && canRun(device, one, windows)) as Variant];

/** The kernel for a weight gradient of n channels of x in a group. */
export function chooseWeight(device: Device, windows: Windows, channels: number): ConvKernel {
  const fits = (one: Variant) => {
    const kernel: ConvKernel = kernels[one];
    const isBusy = !kernel.isDirect || channels >= FEW_CHANNELS;
    return kernel.preferredOn(device) && canRun(device, one, windows) && isBusy;
  };
  return kernels[variants.find(fits) as Variant];
}
