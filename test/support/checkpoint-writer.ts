/** Writes checkpoints to one path without a pause, until it is killed: the weights of each are all its step. */
import { writeCheckpoint } from "../../src/data/index.ts";
import { init } from "../../src/gpu/init.ts";
import { Linear } from "../../src/nn/index.ts";
import { fill } from "../../src/tensor/copy.ts";

const [path = "", first = "0"] = process.argv.slice(2);
await init();
const model = new Linear(400, 400);
for (let step = Number(first); ; step++) {
  fill(model.weight, step);
  await writeCheckpoint(path, { model, step });
  if (step === Number(first)) console.log("written");
}
