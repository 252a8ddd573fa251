/** Training that outlives its device: a driver reset, a GPU that is unplugged, a laptop that slept. */
import { DeviceLostError } from "../errors.ts";
import type { Device } from "./device.ts";
import { answers, init } from "./init.ts";
import type { InitOptions } from "./init-options.ts";

export interface ResumeOptions {
  /** For `init`, at the start and after each loss. */
  init?: InitOptions;
  /** More losses than this end with their DeviceLostError: a program that loses every device must not go on. Default 3. */
  maxLosses?: number;
  /** Called with each loss before the next device is opened. */
  onLoss?: (error: DeviceLostError) => void;
}

/**
 * Runs `run` on a device, and anew on another one each time that it ends with the loss of its device. Nothing that lived on
 * a lost device can be read: `run` makes its model and optimizer itself and loads the last checkpoint that it saved, which
 * is why it is given how many devices were lost so far. Its other errors pass.
 */
export async function resumeOnLoss<T>(
  run: (device: Device, losses: number) => T | Promise<T>,
  options: ResumeOptions = {},
): Promise<T> {
  const { maxLosses = 3, onLoss } = options;
  for (let losses = 0; ; losses++) {
    const device = await init(options.init);
    try {
      return await run(device, losses);
    } catch (error) {
      // Another device than this one may be lost: that is the program's affair.
      if (!(error instanceof DeviceLostError) || losses >= maxLosses || (await answers(device))) throw error;
      await device.close();
      onLoss?.(error);
    }
  }
}
