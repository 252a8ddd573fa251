/** Walks optimizers over surfaces of two parameters; one captured function is one step of all of them. */
import { type Captured, capture, DeviceLostError, stack, type Tensor, tensor, zeros } from "gradwell";
import type { SurfaceReport, SurfaceRequest, WalkConfig } from "../shared/protocol.ts";
import { messageOf, openDevice } from "./gpu.ts";
import { serve } from "./mailbox.ts";
import { buildOptimizer, type Stepper, takeStep } from "./nets.ts";
import { lossOf } from "./surfaces.ts";

/** Steps between two reads. */
const STRETCH = 10;

const report = (message: SurfaceReport): void => postMessage(message);

class Walk {
  step = 0;
  readonly steps: number;
  readonly #points: Tensor[];
  readonly #optimizers: Stepper[];
  readonly #stepOnce: Captured<[], Tensor>;
  /** The points of the steps since the last read. */
  readonly #path: Tensor;

  constructor({ surface, condition, from, runs, steps }: WalkConfig) {
    this.steps = steps;
    this.#points = runs.map(() => tensor(from, { requiresGrad: true }));
    this.#optimizers = runs.map(({ optimizer, lr }, i) => buildOptimizer(optimizer, [this.#points[i]!], lr));
    this.#path = zeros([STRETCH, runs.length, 2]);
    this.#stepOnce = capture(() => {
      this.#optimizers.forEach((optimizer, i) => {
        const lossFn = () => lossOf(surface, condition, this.#points[i]!);
        optimizer.zeroGrad();
        lossFn().backward();
        takeStep(optimizer, lossFn);
      });
      return stack(this.#points.map((point) => point.detach()));
    });
  }

  /** The next points (x, y, x, y, ...) of every path. */
  async go(count: number): Promise<Float32Array[]> {
    for (let i = 0; i < count; i++) this.#path.narrow(0, i, 1).copy_(this.#stepOnce().unsqueeze(0));
    const values = await this.#path.data();
    const runs = this.#points.length;
    this.step += count;
    return this.#points.map((_, run) =>
      Float32Array.from({ length: 2 * count }, (_, i) => values[2 * ((i >> 1) * runs + run) + (i & 1)]!),
    );
  }

  dispose(): void {
    this.#stepOnce.dispose();
    this.#path.dispose();
    for (const optimizer of this.#optimizers) optimizer.dispose();
    for (const point of this.#points) point.dispose();
  }
}

class Session {
  #start: WalkConfig | undefined;
  #walk: Walk | undefined;
  #running = false;
  #owed = 0;
  #opened = false;

  async handle(request: SurfaceRequest): Promise<void> {
    switch (request.type) {
      case "start":
        await this.#open();
        this.#walk?.dispose();
        this.#start = request;
        this.#walk = new Walk(request);
        return report({ type: "started", id: request.id });
      case "run":
        this.#running = true;
        return;
      case "pause":
        this.#running = false;
        return;
      case "step":
        this.#running = false;
        this.#owed += request.count;
    }
  }

  round(): Promise<void> | undefined {
    const walk = this.#walk;
    if (!walk || !(this.#running || this.#owed > 0)) return undefined;
    return this.#round(walk);
  }

  async fail(error: unknown): Promise<void> {
    if (!(error instanceof DeviceLostError) || !this.#start) {
      this.#running = false;
      this.#owed = 0;
      return report({ type: "failed", message: messageOf(error) });
    }
    report({ type: "lost", reason: error.message });
    this.#opened = false;
    await this.#open();
    this.#walk = new Walk(this.#start);
    report({ type: "started", id: this.#start.id });
  }

  async #round(walk: Walk): Promise<void> {
    const count = this.#owed > 0 ? 1 : Math.min(STRETCH, walk.steps - walk.step);
    if (count > 0) report({ type: "points", points: await walk.go(count), step: walk.step });
    this.#owed = Math.max(0, this.#owed - count);
    if (walk.step < walk.steps) return;
    this.#running = false;
    this.#owed = 0;
    report({ type: "finished", step: walk.step });
  }

  async #open(): Promise<void> {
    if (this.#opened) return;
    const { report: device } = await openDevice(1);
    this.#opened = true;
    report(device);
  }
}

void serve<SurfaceRequest>(new Session());
