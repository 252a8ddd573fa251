import * as gradwell from "gradwell";
import { train } from "./train.js";

train(gradwell).then(
  (result) => postMessage(result),
  (error) => postMessage({ error: String(error) }),
);
