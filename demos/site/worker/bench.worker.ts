/** Runs a visitor's WGSL kernel, or the library's own, and measures them. */
import {
  arange,
  type Device,
  DeviceLostError,
  ones,
  type Profile,
  profile,
  rand,
  scope,
  type Tensor,
  zeros,
} from "gradwell";
import type { BenchBuffer, BenchReport, BenchRequest, BenchRow, Limits } from "../shared/protocol.ts";
import { messageOf, openDevice } from "./gpu.ts";
import { works } from "./kernels.ts";
import { serve } from "./mailbox.ts";

/** Browsers round timestamps, so that several runs together say more than one. */
const TIMED_RUNS = 20;
const SHOWN = 8;
const NAME = "your kernel";

type Run = Extract<BenchRequest, { type: "run" }>;

const report = (message: BenchReport): void => postMessage(message);

class Session {
  #device: Device | undefined;

  async handle(request: BenchRequest): Promise<void> {
    const device = await this.#open();
    switch (request.type) {
      case "reflect":
        return reflect(device, request.wgsl);
      case "run":
        return run(device, request);
      case "suite":
        return suite(device);
    }
  }

  async fail(error: unknown): Promise<void> {
    if (error instanceof DeviceLostError) {
      this.#device = undefined;
      report({ type: "lost", reason: error.message });
    } else report({ type: "failed", message: messageOf(error) });
  }

  async #open(): Promise<Device> {
    if (this.#device) return this.#device;
    const opened = await openDevice(1);
    report(opened.report);
    this.#device = opened.device;
    return opened.device;
  }
}

/** Reports the bindings and params of the kernel, so that the page can ask for them. */
function reflect(device: Device, wgsl: string): void {
  const { bindings, params, workgroupSize } = device.kernel({ wgsl, name: NAME }).shader;
  const found = bindings.map(({ name, type, access }) => ({ name, type, writable: access === "read_write" }));
  const size = workgroupSize.reduce<number>((product, one) => product * (typeof one === "number" ? one : 1), 1);
  report({ type: "interface", bindings: found, params: params.map(({ name }) => name), size });
}

async function run(device: Device, { wgsl, buffers, params, workgroups }: Run): Promise<void> {
  const kernel = device.kernel({ wgsl, name: NAME });
  await scope(async () => {
    const tensors = Object.fromEntries(buffers.map((buffer) => [buffer.name, filled(kernel.shader.bindings, buffer)]));
    const args = { ...tensors, ...params };
    kernel.run(args, workgroups);
    // Outputs are read after the first run: a kernel may add to what it finds.
    const written = kernel.shader.bindings.filter(({ access }) => access === "read_write");
    const values = await Promise.all(written.map(({ name }) => tensors[name]!.data()));
    const timed = await profile(() => {
      for (let i = 0; i < TIMED_RUNS; i++) kernel.run(args, workgroups);
    });
    const outputs = written.map(({ name }, i) => ({ name, ...summary(values[i]!) }));
    report({ type: "outputs", row: rowsOf(timed)[0]!, limits: limitsOf(timed), outputs });
  });
}

/** A buffer for a binding: f32 unless its type says otherwise. */
function filled(bindings: readonly { name: string; type: string }[], { name, elements, fill }: BenchBuffer): Tensor {
  const type = bindings.find((one) => one.name === name)?.type ?? "";
  const dtype = /u32|vec\du/.test(type) ? "u32" : /i32|vec\di/.test(type) ? "i32" : "f32";
  if (fill === "zeros") return zeros([elements], { dtype });
  if (fill === "ones") return ones([elements], { dtype });
  if (fill === "counting") return arange(0, elements, 1, { dtype });
  return dtype === "f32" ? rand([elements]) : rand([elements]).mul(1000).to(dtype);
}

function summary(values: ArrayLike<number>): { values: number[]; mean: number } {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return {
    values: Array.from({ length: Math.min(SHOWN, values.length) }, (_, i) => values[i]!),
    mean: sum / values.length,
  };
}

async function suite(device: Device): Promise<void> {
  const all = works(device);
  // Once for the compiler, then measured.
  for (const { run } of all) run();
  await device.sync();
  const timed = await profile(() => {
    for (const { run } of all) for (let i = 0; i < 3; i++) run();
  });
  report({ type: "suite", rows: rowsOf(timed), limits: limitsOf(timed) });
}

const rowsOf = (timed: Profile): BenchRow[] => timed.map((row) => ({ ...row }));
const limitsOf = ({ limits: { gflops, gbps } }: Profile): Limits => ({ gflops, gbps });

void serve<BenchRequest>(new Session());
