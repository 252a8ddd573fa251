import { GradwellError } from "../errors.ts";

/** Thrown by the assertions of `gradwell/testing`. */
export class AssertionError extends GradwellError {}
