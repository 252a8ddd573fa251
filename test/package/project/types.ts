/** The package as a program in TypeScript sees it: names, arguments and results with their types. */
import { type Captured, capture, curvature, type Device, data, init, nn, optim, type Tensor, tensor } from "gradwell";
import { relu } from "gradwell/core";
import { hessianDiagonal } from "gradwell/curvature";
import { IdxField } from "gradwell/data";
import { Linear } from "gradwell/nn";
import { Adam } from "gradwell/optim";
import { runShader } from "gradwell/testing";

const adapter = await navigator.gpu.requestAdapter();
const gpu: GPUDevice | undefined = await adapter?.requestDevice();
const device: Device = await init(gpu ? { device: gpu } : { adapter: "software", seed: 1 });
const own: GPUDevice = device.gpu;

class Net extends nn.Module {
  readonly layers = new nn.Sequential(new nn.Linear(4, 8, { activation: "relu" }), new nn.Linear(8, 2));

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x).mul(2).add(1);
  }
}

const model = new Net();
const optimizer = new optim.AdamW(optim.decayGroups(model, 0.01), { lr: optim.schedule.constant(1e-3) });
const step: Captured<[Tensor, Tensor], Tensor> = capture((x: Tensor, y: Tensor) => {
  optimizer.zeroGrad();
  const loss = nn.crossEntropy(model.forward(x), y);
  loss.backward();
  optimizer.step();
  return loss;
});
const labels = tensor([0, 1], { dtype: "i32" });
for (const [x, y] of new data.DataLoader([tensor(new Float32Array(8), { shape: [2, 4] }), labels], { batchSize: 2 })) {
  const loss: number = await step(x as Tensor, y as Tensor).item();
  console.log(loss, own.label, typeof runShader, typeof curvature);
}
// The parts are the same as the whole's.
const parts: [typeof nn.Linear, typeof optim.Adam, typeof data.IdxField] = [Linear, Adam, IdxField];
console.log(parts, relu(tensor([1])).relu(), hessianDiagonal === curvature.hessianDiagonal);
// @ts-expect-error a misspelt option
await init({ adaptor: "gpu" });
// @ts-expect-error a layer has no such option
new nn.Linear(4, 8, { biass: false });
