/** Deep recursion without the stack: a step yields the steps that must end before it goes on. */

export type Steps = Generator<Steps, void, void>;

/** Runs `first` and everything that it yields, depth first. */
export function runSteps(first: Steps): void {
  const stack = [first];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const { done, value } = top.next();
    if (done === true) stack.pop();
    else stack.push(value);
  }
}
