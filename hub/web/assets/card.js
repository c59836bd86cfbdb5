// One call on the screen: the card while it rings, the strip while one talks, the sheet when it is over.
import { api } from "./api.js";
import { announce, csrf, icon, login, make, part, say, stored, toast, words } from "./dom.js";
import { Extras } from "./extras.js";
import { tell } from "./live.js";
import { dispositions, WrapUp } from "./wrap.js";

export const cards = new Map();
// What was typed of each call, by interaction: {text, id, kept, open, disposition, step, due, recording}.
export const drafts = stored.read(`drafts.${login}`, {});
export const keepDrafts = () => stored.write(`drafts.${login}`, drafts);

export class Card {
  constructor(pop) {
    this.pop = pop;
    this.contact = pop.candidates.length === 1 ? pop.candidates[0].contact : null;
    this.facts = {};
    this.more = make("div", { class: "more-of-it" });
    this.element = make("section", { class: "pop", "data-pop": pop.id });
    this.wrap = new WrapUp(this);
    this.draw();
    this.load();
  }

  update(pop) {
    const before = this.pop;
    this.pop = pop;
    if (before.state !== pop.state) {
      this.calls = null;
      this.draw();
      if (pop.state === "answered") this.load();
    }
  }

  // What was typed of this call.
  get draft() {
    return (drafts[this.pop.interaction] ??= { text: "" });
  }

  get title() {
    const doing = { held: words.callHeld, transferred: words.callPassedOn }[this.calls];
    return { ringing: words.ringingTitle, answered: doing ?? words.current, over: words.ended }[this.pop.state];
  }

  get name() {
    if (this.contact) return this.contact.name;
    if (this.pop.candidates.length > 1) return words.several;
    return this.pop.handle ? words.unknown : words.withheld;
  }

  get beneath() {
    if (this.contact) return this.contact.company ?? "";
    return this.facts.shown || this.pop.handle.replace(/^\w+:/, "");
  }

  draw() {
    const { state: now, id } = this.pop;
    const folded = this.element.classList.contains("folded") && now !== "over";
    this.element.className = `pop ${now === "answered" ? "current" : now}${folded ? " folded" : ""}`;
    this.element.setAttribute("aria-label", now === "ringing" ? say("calling", { who: this.name }) : `${this.title}: ${this.name}`);
    this.timer = make("span", { class: "timer" });
    const close = now === "ringing" || now === "over";
    this.face = make("span", { class: `face large${this.contact ? "" : " unknown"}`, "aria-hidden": "true" }, initials(this.contact?.name));
    this.who = make("strong", {}, this.name);
    this.under = make("span", { class: "company" }, this.beneath);
    this.extras = now === "over" ? null : new Extras(this);
    this.element.replaceChildren(
      make(
        "header",
        {},
        icon("calls", "bell"),
        (this.titled = make("span", { class: "titled" }, this.title)),
        (this.brief = make("span", { class: "brief cut" }, this.name)),
        this.timer,
        now !== "ringing" &&
          make("button", { class: "button quiet fold", type: "button", "aria-expanded": String(!folded), "aria-label": words.fold, onclick: (event) => this.fold(event.currentTarget) }, icon("down")),
        close &&
          make(
            "button",
            { class: "button quiet", type: "button", "aria-label": now === "over" ? words.close : words.dismiss, onclick: () => (now === "over" ? this.done() : this.dismiss()) },
            icon("close"),
          ),
      ),
      make(
        "div",
        { class: "inside" },
        make("div", { class: "name" }, this.face, make("div", { class: "who" }, this.who, this.under)),
        this.more,
        this.noting(),
        now !== "ringing" && dispositions(this),
        now === "over" && this.wrap.draw(),
        this.extras?.element,
      ),
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
    const now = this.pop.state;
    const open = this.contact
      ? make("a", { class: "button primary", href: `/contacts/${this.contact.id}`, "data-open": true }, words.open, key("Enter"))
      : this.pop.handle && this.pop.candidates.length === 0
        ? make("button", { class: "button primary", type: "button", "data-open": true, onclick: () => this.ask() }, words.whoIsIt, key("Enter"))
        : null;
    const note = now === "ringing" && make("button", { class: "button", type: "button", "data-note": true, onclick: () => this.write() }, words.note, key("n"));
    const end = {
      ringing: () => make("button", { class: "button", type: "button", "data-dismiss": true, onclick: () => this.dismiss() }, words.dismiss, key("Esc")),
      over: () => make("button", { class: "button primary", type: "button", "data-done": true, onclick: () => this.done() }, words.done, key("Ctrl ↵")),
      answered: () => this.facts.dial && make("button", { class: "button danger", type: "button", onclick: () => this.hangUp() }, words.hangUp),
    }[now]();
    if (now === "over") open?.classList.remove("primary");
    return make("footer", {}, open, note, now === "answered" && this.recording(), end, this.extras?.button);
  }

  // Whether this call is recorded is the policy's and the other side's to say; the button asks for it.
  recording() {
    if (!["announced", "consent"].includes(this.facts.records)) return null;
    const on = this.draft.recording;
    return make("button", { class: "button", type: "button", "aria-pressed": String(!!on), "data-record": true, onclick: () => this.record(!on) }, icon("record"), on ? words.recordPause : words.record);
  }

  async record(on, evidence = "") {
    try {
      await api("POST", `/calls/${this.pop.interaction}/recording`, evidence ? { on, evidence } : { on });
      this.draft.recording = on;
      keepDrafts();
      announce(on ? words.recordOn : words.recordOff);
      this.rebutton();
    } catch (error) {
      if (on && !evidence && error.kind === "not-recorded" && this.facts.records === "consent") this.extras.ask(words.recordEvidence, (said) => this.record(true, said));
      else toast(error.message);
    }
  }

  rebutton() {
    this.element.querySelector("footer").replaceWith(this.buttons());
  }

  async hangUp() {
    try {
      await api("DELETE", `/dials/${this.facts.dial}`);
    } catch (error) {
      toast(error.message);
    }
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
    const { contact, name, company, answered, shown } = (this.facts = { ...card.dataset });
    if (answered) this.answered = Date.parse(answered);
    if (contact) this.choose({ id: contact, name, company });
    else if (shown) this.under.textContent = shown;
    if (this.pop.state === "answered") this.does(card.dataset.state);
    this.rebutton();
    if (kept) document.getElementById(kept)?.focus();
    this.tick();
  }

  choose(contact) {
    this.contact = contact;
    this.who.textContent = this.brief.textContent = this.name;
    this.under.textContent = this.beneath;
    this.face.textContent = initials(contact.name);
    this.face.classList.remove("unknown");
  }

  does(state) {
    this.calls = state;
    if (this.titled.textContent !== this.title) {
      this.titled.textContent = this.title;
      if (state === "held" || state === "transferred") announce(this.title);
    }
    this.element.classList.toggle("waits", state === "held" || state === "transferred");
  }

  tick() {
    const talking = this.pop.talking ? Date.parse(this.pop.talking) : null;
    const from = this.pop.state === "answered" ? (this.answered ?? talking ?? (this.answered = Date.now())) : Date.parse(this.pop.since);
    const until = this.pop.state === "over" ? this.pop.ended : Date.now();
    const began = this.pop.state === "over" ? (this.answered ?? from) : from;
    this.timer.textContent = clock(Math.max(0, until - began) / 1000);
    if (this.pop.state === "over") this.wrap.tick();
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
    this.draft.open = true;
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
    this.draft.text = this.note.value;
    this.draft.open = true;
    this.saved.textContent = words.noteUnsaved;
    keepDrafts();
    tell({ type: "draft", interaction: this.pop.interaction, text: this.draft.text });
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
    try {
      await this.wrap.finish();
    } catch (error) {
      return toast(error.message || words.failed);
    }
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

export const key = (name) => make("kbd", {}, name);

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
