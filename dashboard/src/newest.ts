// src/newest.ts - one asks again before the answer is there, and answers come in any order.

/** Asks, and shows the answer unless it has been asked again since: an older answer may come later,
 * or be the answer to what nobody wants to know any longer. */
export function newest<A extends unknown[], T>(
  ask: (...what: A) => Promise<T>,
  show: (answer: T) => void,
): (...what: A) => Promise<void> {
  let asked = 0;
  return async (...what) => {
    const mine = ++asked;
    const answer = await ask(...what);
    if (mine === asked) {
      show(answer);
    }
  };
}
