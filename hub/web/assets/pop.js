// The screen pop: the same card on every page and in every tab, until it is dismissed, answered or over.
import { Card, cards, drafts } from "./card.js";
import { announce, login, make, part, say, state, stored, typing, words } from "./dom.js";
import { on, start } from "./live.js";
import { ring, stopRinging } from "./ring.js";

const box = document.getElementById("pops");

// --- what the stream says ---

const ORDER = { ringing: 0, answered: 1, over: 2 };

function show(pops) {
  const wanted = new Map(pops.map((pop) => [pop.id, pop]));
  for (const [id, card] of cards) {
    if (!wanted.has(id)) {
      card.element.remove();
      cards.delete(id);
      stopRinging(id);
    }
  }
  for (const pop of pops) {
    const card = cards.get(pop.id);
    if (card) card.update(pop);
    else cards.set(pop.id, new Card(pop));
    if (pop.state !== "ringing") stopRinging(pop.id);
  }
  const sorted = [...cards.values()].sort((one, other) => ORDER[one.pop.state] - ORDER[other.pop.state] || Date.parse(other.pop.since) - Date.parse(one.pop.since));
  sorted.forEach((card, place) => {
    card.element.classList.toggle("small", place > 0);
    if (box.children[place] !== card.element) box.insertBefore(card.element, box.children[place] ?? null);
  });
  stored.write(`ended.${login}`, pops.filter((pop) => pop.state === "over"));
  clearInterval(ticking);
  if (cards.size) ticking = setInterval(() => cards.forEach((card) => card.tick()), 1000);
}

let ticking = 0;

on("pops", ({ pops }) => show(pops));

on("ring", ({ pop, quiet }) => {
  ring(pop, quiet, () => cards.get(pop.id)?.open());
  const who = pop.candidates.length === 1 ? [pop.candidates[0].contact.name, pop.candidates[0].contact.company].filter(Boolean).join(", ") : words.unknown;
  if (!quiet) announce(say("calling", { who }));
});

on("withdrawn", ({ reason }) => {
  announce({ answered: words.popGone, over: words.callOver }[reason] ?? "");
});

on("draft", ({ interaction, text }) => {
  (drafts[interaction] ??= {}).text = text;
  for (const card of cards.values()) {
    if (card.pop.interaction === interaction && document.activeElement !== card.note) card.note.value = text;
  }
});

// What the call does while she is on it: held, passed on, or talking again.
on("call", ({ data }) => {
  for (const card of cards.values()) if (card.pop.interaction === data.interaction) card.does(data.state);
});

on("wrap-up", ({ data }) => {
  for (const card of cards.values()) if (card.pop.interaction === data.interaction) card.wrap.heard(data);
});

on("status", ({ status }) => {
  const bar = document.getElementById("offline");
  bar.hidden = status === "open" || status === "connecting";
  bar.lastElementChild.replaceChildren(
    ...(status === "signed-out" ? [`${words.signedOut} `, make("a", { href: `/login?next=${encodeURIComponent(location.pathname + location.search)}` }, words.signIn)] : [words.offline]),
  );
});

// --- what the reader does ---

box?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-choose]");
  const card = cards.get(event.target.closest("[data-pop]")?.dataset.pop);
  if (button && card) card.identify({ contact: button.dataset.choose });
});

box?.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-who]");
  if (!form) return;
  event.preventDefault();
  cards.get(form.closest("[data-pop]").dataset.pop)?.identify(form);
});

let asking = 0;
box?.addEventListener("input", (event) => {
  const input = event.target.closest("form[data-who] input[name=name]");
  if (!input) return;
  clearTimeout(asking);
  asking = setTimeout(async () => {
    const list = document.getElementById(input.getAttribute("aria-controls"));
    const typed = input.value.trim();
    const html = typed ? await (await part(`/contacts/choose?q=${encodeURIComponent(typed)}&for=pop`)).text() : "";
    if (!list?.isConnected) return;
    list.innerHTML = html;
    input.setAttribute("aria-expanded", String(list.childElementCount > 0));
  }, 150);
});

box?.addEventListener("keydown", (event) => {
  const input = event.target.closest("form[data-who] input[name=name]");
  if (!input || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const first = document.getElementById(input.getAttribute("aria-controls"))?.querySelector("[data-choose]");
  first?.focus();
  event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  const first = cards.get(box?.firstElementChild?.dataset.pop);
  if (!first || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    const over = [...cards.values()].find((card) => card.pop.state === "over" && (!typing() || card.element.contains(document.activeElement)));
    if (over) {
      event.preventDefault();
      over.done();
    }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = box.contains(document.activeElement);
  if (event.key === "Escape") {
    if (typing()) {
      if (inside) document.activeElement.blur();
    } else if (first.pop.state === "ringing") {
      event.preventDefault();
      first.dismiss();
    }
    return;
  }
  if (typing() || first.pop.state === "over") return;
  const busy = document.activeElement?.closest("a, button, summary") && !inside;
  if (event.key === "Enter" && !busy && !document.activeElement?.closest("a, button, summary")) {
    event.preventDefault();
    first.open();
  } else if (event.key === "n") {
    event.preventDefault();
    first.write();
  } else if (event.key === "m" && first.extras) {
    event.preventDefault();
    first.extras.toggle();
  } else if (/^[123]$/.test(event.key)) {
    first.element.querySelector(`[data-number="${event.key}"]`)?.click();
  }
});

if (box) {
  // What this browser remembers of calls that are over, and what the hub knows of them: taken elsewhere, perhaps.
  const remembered = stored.read(`ended.${login}`, []);
  const known = new Set(remembered.map((pop) => pop.id));
  const ended = [...remembered, ...(state.ended ?? []).filter((pop) => !known.has(pop.id))];
  stored.write(`ended.${login}`, ended);
  show([...(state.pops ?? []), ...ended]);
  start();
}
