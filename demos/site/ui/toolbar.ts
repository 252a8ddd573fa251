/** Run or pause, step, reset; and a line that says what goes on. */
import { button, el } from "./dom.ts";

export interface ToolbarActions {
  run(): void;
  pause(): void;
  step(): void;
  reset(): void;
}

export class Toolbar {
  readonly element: HTMLElement;
  readonly #run: HTMLButtonElement;
  readonly #step: HTMLButtonElement;
  readonly #status = el("p", { className: "status", attributes: { role: "status" } });
  readonly #trouble = el("p", { className: "trouble", hidden: true, attributes: { role: "alert" } });
  readonly #actions: ToolbarActions;
  #running = false;

  constructor(actions: ToolbarActions, { stepLabel = "Step", runLabel = "Train" } = {}) {
    this.#actions = actions;
    this.#run = button(runLabel, () => (this.#running ? this.#pause() : this.#go()), "primary");
    this.#run.dataset.label = runLabel;
    this.#step = button(stepLabel, () => {
      this.running = false;
      actions.step();
    });
    const reset = button("Reset", () => actions.reset());
    const buttons = el("div", { className: "buttons" }, this.#run, this.#step, reset);
    this.element = el("div", { className: "toolbar" }, buttons, this.#status, this.#trouble);
  }

  get running(): boolean {
    return this.#running;
  }

  set running(value: boolean) {
    this.#running = value;
    this.#run.textContent = value ? "Pause" : this.#run.dataset.label!;
  }

  status(text: string): void {
    this.#status.textContent = text;
  }

  /** Something that went wrong; "" when it is over. */
  trouble(text: string): void {
    this.#trouble.textContent = text;
    this.#trouble.hidden = text === "";
  }

  #go(): void {
    this.running = true;
    this.trouble("");
    this.#actions.run();
  }

  #pause(): void {
    this.running = false;
    this.#actions.pause();
  }
}
