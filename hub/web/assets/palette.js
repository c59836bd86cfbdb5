// Search and actions from everywhere: people, numbers in any spelling, conversations, places.
import htmx from "htmx.org";
import { make, part, words } from "./dom.js";

const palette = document.getElementById("palette");
const input = document.getElementById("palette-words");
const found = document.getElementById("palette-found");
let asked = null;

function places(text) {
  const wanted = text.trim().toLowerCase();
  const rail = [...document.querySelectorAll(".rail a.item")].map((item) => ({ word: item.title, href: item.href, icon: item.querySelector("svg")?.cloneNode(true) ?? null, key: item.dataset.key }));
  const fits = rail.filter((place) => !wanted || place.word.toLowerCase().includes(wanted));
  if (!fits.length) return [];
  return [
    make("div", { class: "group", role: "presentation" }, words.goTo),
    ...fits.map((place, number) =>
      make("a", { class: "option", role: "option", id: `go-${number}`, "aria-selected": "false", tabindex: "-1", href: place.href }, place.icon, make("span", { class: "cut" }, place.word), make("span", { class: "end" }, make("kbd", {}, "g"), " ", make("kbd", {}, place.key))),
    ),
  ];
}

async function ask() {
  const text = input.value.trim();
  asked?.abort();
  if (!text) {
    found.replaceChildren(...places(""));
    return select(0);
  }
  asked = new AbortController();
  try {
    const html = await (await part(`/search?q=${encodeURIComponent(text)}`, { signal: asked.signal })).text();
    found.innerHTML = html;
    found.append(...places(text));
    if (!found.childElementCount) found.append(make("p", { class: "empty" }, words.nothing));
    select(0);
  } catch (error) {
    if (error.name !== "AbortError") found.replaceChildren(make("p", { class: "empty" }, words.failed));
  }
}

const options = () => [...found.querySelectorAll(".option")];

function select(place) {
  const all = options();
  const chosen = all[(place + all.length) % all.length];
  all.forEach((option) => option.setAttribute("aria-selected", String(option === chosen)));
  input.setAttribute("aria-activedescendant", chosen?.id ?? "");
  chosen?.scrollIntoView({ block: "nearest" });
}

const selected = () => options().findIndex((option) => option.getAttribute("aria-selected") === "true");

if (palette) {
  palette.addEventListener("wanted", () => {
    if (palette.open) return;
    input.value = "";
    palette.showModal();
    ask();
  });
  let pause = 0;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 90);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") select(selected() + 1);
    else if (event.key === "ArrowUp") select(selected() - 1);
    else if (event.key === "Enter") options()[Math.max(0, selected())]?.click();
    else if (event.key === "Escape" && input.value) input.value = "", ask();
    else return;
    event.preventDefault();
  });
  found.addEventListener("click", (event) => {
    const maker = event.target.closest("[data-new]");
    palette.close();
    if (maker) htmx.ajax("GET", maker.dataset.new, { target: "#dialog" });
  });
}
