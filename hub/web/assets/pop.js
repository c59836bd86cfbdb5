// The screen pop: the same card on every page and in every tab, until it is dismissed, answered or over.
import { announce, csrf, icon, login, make, part, say, state, stored, toast, typing, words } from "./dom.js";
import { on, start, tell } from "./live.js";
import { ring, stopRinging } from "./ring.js";

const box = document.getElementById("pops");
const cards = new Map();
const drafts = stored.read(`drafts.${login}`, {});

class Card {
  constructor(pop) {
    this.pop = pop;
    this.contact = pop.candidates.length === 1 ? pop.candidates[0].contact : null;
    this.more = make("div", { class: "more-of-it" });
    this.element = make("section", { class: "pop", "data-pop": pop.id });
    this.draw();
    this.load();
  }

  update(pop) {
    const before = this.pop;
    this.pop = pop;
    if (before.state !== pop.state) {
      this.draw();
      if (pop.state === "answered") this.load();
    }
  }

  get title() {
    return { ringing: words.ringingTitle, answered: words.current, over: words.ended }[this.pop.state];
  }

  get name() {
    if (this.contact) return this.contact.name;
    if (this.pop.candidates.length > 1) return words.several;
    return this.pop.handle ? words.unknown : words.withheld;
  }

  get beneath() {
    if (this.contact) return this.contact.company ?? "";
    return this.pop.shown ?? this.pop.handle.replace(/^\w+:/, "");
  }

  draw() {
    const { state: now, id } = this.pop;
    this.element.className = `pop ${now === "answered" ? "current" : now}`;
    this.element.setAttribute("aria-label", now === "ringing" ? say("calling", { who: this.name }) : `${this.title}: ${this.name}`);
    this.timer = make("span", { class: "timer" });
    const close = now === "ringing" || now === "over";
    this.face = make("span", { class: `face large${this.contact ? "" : " unknown"}`, "aria-hidden": "true" }, initials(this.contact?.name));
    this.who = make("strong", {}, this.name);
    this.under = make("span", { class: "company" }, this.beneath);
    this.element.replaceChildren(
      make(
        "header",
        {},
        icon("calls", "bell"),
        make("span", {}, this.title),
        (this.brief = make("span", { class: "brief cut" }, this.name)),
        this.timer,
        now !== "ringing" &&
          make("button", { class: "button quiet fold", type: "button", "aria-expanded": "true", "aria-label": words.fold, onclick: (event) => this.fold(event.currentTarget) }, icon("down")),
        close &&
          make(
            "button",
            { class: "button quiet", type: "button", "aria-label": now === "over" ? words.close : words.dismiss, onclick: () => (now === "over" ? this.done() : this.dismiss()) },
            icon("close"),
          ),
      ),
      make("div", { class: "inside" }, make("div", { class: "name" }, this.face, make("div", { class: "who" }, this.who, this.under)), this.more, this.noting()),
      this.buttons(id),
    );
    this.tick();
  }

  noting() {
    const open = this.pop.state !== "ringing" || drafts[this.pop.interaction]?.open;
    this.note = make("textarea", {
      class: "input",
      id: `note-of-${this.pop.id}`,
      rows: 2,
      placeholder: words.notePlaceholder,
      "aria-label": words.note,
      oninput: () => this.typed(),
    });
    this.note.value = drafts[this.pop.interaction]?.text ?? "";
    this.saved = make("span", { class: "small muted", role: "status" });
    this.notes = make("div", { class: "noting" }, this.note, this.saved);
    this.notes.hidden = !open;
    return this.notes;
  }

  buttons() {
    const ringing = this.pop.state === "ringing";
    const open = this.contact
      ? make("a", { class: "button primary", href: `/contacts/${this.contact.id}`, "data-open": true }, words.open, key("Enter"))
      : this.pop.handle && this.pop.candidates.length === 0
        ? make("button", { class: "button primary", type: "button", "data-open": true, onclick: () => this.ask() }, words.whoIsIt, key("Enter"))
        : null;
    const note = ringing && make("button", { class: "button", type: "button", "data-note": true, onclick: () => this.write() }, words.note, key("n"));
    const end = ringing
      ? make("button", { class: "button", type: "button", "data-dismiss": true, onclick: () => this.dismiss() }, words.dismiss, key("Esc"))
      : this.pop.state === "over"
        ? make("button", { class: "button primary", type: "button", "data-done": true, onclick: () => this.done() }, words.done, key("Ctrl ↵"))
        : null;
    if (this.pop.state === "over" && open) open.classList.remove("primary");
    return make("footer", {}, open, note, end);
  }

  async load(contact = "") {
    try {
      const response = await part(`/pops/${this.pop.id}/card${contact ? `?contact=${contact}` : ""}`);
      this.fill(await response.text());
    } catch {
      // The card says who it is without its details; the next state asks for them again.
    }
  }

  fill(html) {
    const kept = this.more.contains(document.activeElement) ? document.activeElement.id : "";
    this.more.innerHTML = html;
    const card = this.more.firstElementChild;
    if (!card) return;
    const { contact, name, company, answered, shown } = card.dataset;
    if (answered) this.answered = Date.parse(answered);
    if (contact) this.choose({ id: contact, name, company });
    else if (shown) this.under.textContent = shown;
    if (kept) document.getElementById(kept)?.focus();
    this.tick();
  }

  choose(contact) {
    const known = this.contact?.id === contact.id;
    this.contact = contact;
    this.who.textContent = this.brief.textContent = this.name;
    this.under.textContent = this.beneath;
    this.face.textContent = initials(contact.name);
    this.face.classList.remove("unknown");
    if (!known) this.element.querySelector("footer").replaceWith(this.buttons());
  }

  tick() {
    const from = this.pop.state === "answered" ? (this.answered ?? (this.answered = Date.now())) : Date.parse(this.pop.since);
    const until = this.pop.state === "over" ? this.pop.ended : Date.now();
    const began = this.pop.state === "over" ? (this.answered ?? from) : from;
    this.timer.textContent = clock(Math.max(0, until - began) / 1000);
  }

  // --- what one can do ---

  fold(button) {
    button.setAttribute("aria-expanded", String(!this.element.classList.toggle("folded")));
  }

  open() {
    this.element.querySelector("[data-open]")?.click();
  }

  ask() {
    this.more.querySelector("input[name=name]")?.focus();
  }

  write() {
    const draft = (drafts[this.pop.interaction] ??= { text: "" });
    draft.open = true;
    this.notes.hidden = false;
    this.note.focus();
  }

  async dismiss() {
    const { id } = this.pop;
    tell({ type: "dismiss", id });
    try {
      await part(`/pops/${id}/dismiss`, { method: "POST" });
    } catch {
      tell({ type: "restore", id });
      toast(words.failed);
    }
  }

  typed() {
    const draft = (drafts[this.pop.interaction] ??= { text: "" });
    draft.text = this.note.value;
    draft.open = true;
    this.saved.textContent = words.noteUnsaved;
    keepDrafts();
    tell({ type: "draft", interaction: this.pop.interaction, text: draft.text });
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.save(), 700);
  }

  async save() {
    clearTimeout(this.saving);
    this.saving = null;
    const draft = drafts[this.pop.interaction];
    if (!draft || draft.text.trim() === (draft.kept ?? "")) return;
    const text = draft.text.trim();
    try {
      const body = new URLSearchParams({ text, id: draft.id ?? "" });
      const response = await part(`/interactions/${this.pop.interaction}/notes`, { method: "POST", body, headers: { Accept: "application/json" } });
      draft.id = (await response.json()).id;
      draft.kept = text;
      keepDrafts();
      this.saved.textContent = words.noteSaved;
    } catch {
      this.saved.textContent = words.noteUnsaved;
      this.saving = setTimeout(() => this.save(), 3000);
    }
  }

  async done() {
    await this.save();
    if (this.saving) return toast(words.failed);
    delete drafts[this.pop.interaction];
    keepDrafts();
    tell({ type: "done", id: this.pop.id });
  }

  async identify(form) {
    const data = new URLSearchParams(form instanceof HTMLFormElement ? new FormData(form) : form);
    data.set("csrf", csrf());
    try {
      const response = await part(`/pops/${this.pop.id}/who`, { method: "POST", body: data });
      this.fill(await response.text());
      if (response.ok) announce(`${this.name} ${this.beneath}`);
    } catch {
      toast(words.failed);
    }
  }
}

const key = (name) => make("kbd", {}, name);
const keepDrafts = () => stored.write(`drafts.${login}`, drafts);

function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

function initials(name) {
  if (!name) return "?";
  const parts = name.split(/\s+/).filter(Boolean);
  if (/^[\u2e80-\u9fff\uac00-\ud7af]/u.test(name)) return [...name][0];
  return ((parts[0]?.[0] ?? "") + (parts.length > 1 ? parts.at(-1)[0] : "")).toUpperCase();
}

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
  } else if (/^[123]$/.test(event.key)) {
    first.element.querySelector(`[data-number="${event.key}"]`)?.click();
  }
});

if (box) {
  show([...(state.pops ?? []), ...stored.read(`ended.${login}`, [])]);
  start();
}
