import { testDevice } from "../support/device.ts";
import { goldenSuite } from "../support/golden-op.ts";
import { moves } from "../support/tolerance.ts";

await testDevice();

const ops = ["reshape", "flatten", "transpose", "permute", "t", "squeeze", "unsqueeze", "expand", "narrow", "flip"];
const copying = ["pad", "cat", "stack", "split", "chunk"];
await goldenSuite("ops_movement", { ops: [...ops, ...copying], ...moves });
