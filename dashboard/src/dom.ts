// src/dom.ts - making elements, and keeping a list of them in step with data.

type Child = Node | string | number | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

/** h("button", {class: "wide", onclick: save}, "Save"). A false or null attribute is left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (name === "value" && "value" in element) {
      (element as HTMLInputElement).value = String(value ?? "");
    } else if (value === true) {
      element.setAttribute(name, "");
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  append(element, children);
  return element;
}

export function append(element: Element, children: Child[]): void {
  for (const child of children) {
    if (child !== null && child !== undefined && child !== false) {
      element.append(typeof child === "number" ? String(child) : child);
    }
  }
}

export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren();
  append(element, children);
}

/** Again and again while the element is to be seen; ends when it is taken out of its parent. */
export function whileThere(element: HTMLElement, every_ms: number, run: () => void): void {
  const timer = setInterval(() => {
    if (element.parentElement === null) {
      clearInterval(timer);
    } else if (element.isConnected) {
      run();
    }
  }, every_ms);
}

interface Kept {
  stamp: string;
  element: HTMLElement;
}
const kept = new WeakMap<Element, Map<string, Kept>>();

const PRESSED = "button, a, select, summary"; // what has the focus in a row

function pressedIn(row: Element | undefined): HTMLElement[] {
  return row ? [...row.querySelectorAll<HTMLElement>(PRESSED)] : [];
}

/** Notes what of a list has the focus. What that gives puts it back after a change: on the same,
 * wherever its row has moved; else on the like of it in the row that is there now. */
function holdFocus(parent: Element): () => void {
  const focused = document.activeElement as HTMLElement | null;
  const at = [...parent.children].findIndex((row) => row.contains(focused));
  const place = pressedIn(parent.children[at]).indexOf(focused!);
  return () => {
    if (at < 0 || focused === document.activeElement) {
      return;
    }
    const others = pressedIn(parent.children[Math.min(at, parent.children.length - 1)]);
    const next = focused!.isConnected ? focused : (others[place] ?? others.at(-1));
    next?.focus({ preventScroll: true });
  };
}

/** Elements of unchanged items stay as they are, so that focus and scrolling do too. */
export function syncList<T>(
  parent: Element,
  items: readonly T[],
  key: (item: T) => string,
  stamp: (item: T) => string,
  make: (item: T) => HTMLElement,
): void {
  const before = kept.get(parent) ?? new Map<string, Kept>();
  const after = new Map<string, Kept>();
  const giveFocus = holdFocus(parent);
  let at: Element | null = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const mark = stamp(item);
    const old = before.get(name);
    const entry = old && old.stamp === mark ? old : { stamp: mark, element: make(item) };
    if (old && old !== entry) {
      if (old.element === at) {
        at = at.nextElementSibling;
      }
      old.element.remove();
      before.delete(name);
    }
    if (entry.element === at) {
      at = at.nextElementSibling;
    } else {
      parent.insertBefore(entry.element, at);
    }
    after.set(name, entry);
  }
  while (at) {
    const next: Element | null = at.nextElementSibling;
    at.remove();
    at = next;
  }
  kept.set(parent, after);
  giveFocus();
}

/** Names with their values, for a list of them. */
export function terms(rows: readonly (readonly [name: string, value: string])[]): HTMLElement[] {
  return rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}

/** What is unfolded by who wants it. */
export function folded(title: string, ...children: Child[]): HTMLDetailsElement {
  return h("details", {}, h("summary", {}, title), ...children);
}

/** What a form does when it is sent, instead of what browsers do. */
export function onSubmit(form: HTMLFormElement, run: () => void): void {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
}

let nextId = 0;

/** A labelled control; the label is a real one, so that voices and big thumbs find it. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLElement {
  const id = `f${++nextId}`;
  control.id = id;
  const children: Child[] = [h("label", { for: id }, label), control];
  if (hint) {
    control.setAttribute("aria-describedby", `${id}h`);
    children.push(h("small", { id: `${id}h` }, hint));
  }
  return h("div", { class: "field" }, ...children);
}

export function toggle(
  label: string,
  isOn: boolean,
  change: (isOn: boolean) => void,
): HTMLElement {
  const box = h("input", { type: "checkbox", checked: isOn });
  box.addEventListener("change", () => change(box.checked));
  return h("label", { class: "toggle" }, box, h("span", {}, label));
}
