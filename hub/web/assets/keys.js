// The keyboard: g and a letter goes somewhere, j and k walk through a list, the rest stands on the page's buttons.
import { typing } from "./dom.js";

let waiting = 0;

const items = () =>
  [...document.querySelectorAll("[data-list] :is(a.conversation, a.person, .entry > summary, .folded > summary, .row), .task, .stranger a")].filter(
    (element) => element.offsetParent !== null && !element.closest(".folded:not([open]) > .entry"),
  );

function walk(step) {
  const list = items();
  if (!list.length) return;
  const here = list.indexOf(document.activeElement.closest?.("a, summary, .row, .task"));
  const selected = list.findIndex((element) => element.matches(".selected"));
  const from = here >= 0 ? here : selected;
  const next = list[Math.min(list.length - 1, Math.max(0, from < 0 ? (step > 0 ? 0 : list.length - 1) : from + step))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
  next.dispatchEvent(new CustomEvent("walked", { bubbles: true }));
}

function press(key) {
  const element = [...document.querySelectorAll(`[data-shortcut="${CSS.escape(key)}"]`)].find((each) => each.offsetParent !== null);
  if (!element) return false;
  if (element.matches("input, textarea")) {
    element.focus();
    element.select();
  } else element.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing) return;
  const palette = document.getElementById("palette");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && palette) {
    event.preventDefault();
    palette.dispatchEvent(new CustomEvent("wanted"));
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (typing()) {
    if (event.key === "Escape") {
      document.activeElement.blur();
      event.preventDefault();
    }
    return;
  }
  if (waiting && Date.now() - waiting < 1500) {
    waiting = 0;
    const item = document.querySelector(`.rail [data-key="${CSS.escape(event.key)}"]`);
    if (item) {
      event.preventDefault();
      item.click();
      return;
    }
  }
  const act = {
    g: () => (waiting = Date.now()),
    j: () => walk(1),
    k: () => walk(-1),
    "/": () => palette?.dispatchEvent(new CustomEvent("wanted")),
    "?": () => document.getElementById("keys")?.showModal(),
    r: () => document.querySelector("#news:not([hidden]) button")?.click(),
    u: () => document.querySelector("[data-back]")?.click(),
    p: () => document.querySelector("[data-person]")?.click(),
  }[event.key];
  if (act) act();
  else if (!press(event.key)) return;
  event.preventDefault();
});
