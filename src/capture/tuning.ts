/** The part of `init({ tuning: "auto" })` in a captured function; the code that measures is loaded when a device asks for it. */
import { runtimeOf } from "../gpu/device.ts";
import type { Asked } from "../gpu/tuning.ts";
import type { BackgroundTuning } from "../kernels/tuning/background.ts";
import type { Call, Recording } from "./recording.ts";

export class CaptureTuning {
  #tuning: BackgroundTuning | undefined;
  /** The key of the call whose work is measured. */
  #key: string | undefined;

  /** Runs `record`, and begins to measure what it asks for, unless an earlier recording's work is still measured. */
  watch<T>({ device, key }: Call, record: () => T): T {
    const { tuning } = runtimeOf(device);
    const isFree = this.#key === undefined || this.#tuning?.isDone === true;
    if (tuning.mode !== "auto" || tuning.asked || !isFree) return record();
    const asked: Asked = new Map();
    tuning.asked = asked;
    try {
      return record();
    } finally {
      tuning.asked = undefined;
      this.#key = key;
      this.#tuning = undefined;
      void import("../kernels/tuning/background.ts").then((loaded) => {
        this.#tuning = new loaded.BackgroundTuning(device, asked);
      });
    }
  }

  /** Replays; in between, the measuring goes on. */
  replay(recording: Recording, call: Call): unknown {
    const tuning = this.#key === call.key ? this.#tuning : undefined;
    recording.tape.timing = tuning?.timing();
    const result = recording.replay(call);
    tuning?.replayed();
    return result;
  }
}
