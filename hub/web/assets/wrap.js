// What comes of a call: how it went, the next step with its date, and the time one has for that.
import { api } from "./api.js";
import { keepDrafts } from "./card.js";
import { instant, make, say, state, toast, words } from "./dom.js";

const MORE_SECONDS = 60;
const OWN = "own";

// One of the config's words, during the call already; it is said to the hub once the call is over.
export function dispositions(card) {
  const offered = state.dispositions ?? [];
  if (!offered.length) return null;
  const name = `disposition-${card.pop.id}`;
  const choice = (word) => {
    const input = make("input", { class: "unseen", type: "radio", name, value: word, onchange: () => {
      card.draft.disposition = word;
      keepDrafts();
    } });
    input.checked = card.draft.disposition === word;
    return make("label", { class: "toggle" }, input, word);
  };
  return make("fieldset", { class: "plain dispositions" }, make("legend", { class: "unseen" }, words.disposition), make("div", { class: "toggles" }, ...offered.map(choice)));
}

export class WrapUp {
  constructor(card) {
    this.card = card;
    this.ends = null;
  }

  draw() {
    const { draft, pop } = this.card;
    const id = `step-${pop.id}`;
    this.step = make("input", { class: "input", id, placeholder: words.stepPlaceholder, maxlength: "500", autocomplete: "off", oninput: () => this.keep() });
    this.step.value = draft.step ?? "";
    this.own = make("input", { class: "input", type: "datetime-local", "aria-label": words.when, onchange: () => this.keep() });
    this.own.value = draft.own ?? "";
    this.due = make(
      "select", { class: "input", "aria-label": words.when, onchange: () => this.keep() },
      make("option", { value: "" }, words.noDate),
      ...(state.times ?? []).map(({ label, at, said }) => make("option", { value: at }, `${label} · ${said}`)),
      make("option", { value: OWN }, words.otherTime),
    );
    this.due.value = draft.due ?? "";
    if (this.due.selectedIndex < 0) this.due.value = "";
    this.own.hidden = this.due.value !== OWN;
    this.bar = make("progress", { max: "1", value: "1", "aria-label": words.wrapTime });
    this.left = make("span", { class: "small muted" });
    this.again = make("button", { class: "button quiet narrow", type: "button", onclick: () => this.more() }, words.moreTime);
    this.line = make("div", { class: "time-left", hidden: true }, this.bar, this.left, this.again);
    this.ask();
    return make("div", { class: "wrap" }, make("label", { class: "label", for: id }, words.nextStep), make("div", { class: "next" }, this.step, this.due), this.own, this.line);
  }

  keep() {
    Object.assign(this.card.draft, { step: this.step.value, due: this.due.value, own: this.own.value });
    this.own.hidden = this.due.value !== OWN;
    keepDrafts();
  }

  async ask() {
    try {
      this.heard(await api("GET", `/wrap-ups/${this.card.pop.interaction}`));
    } catch {
      // No time is kept for wrapping up here: the sheet waits as long as one likes.
    }
  }

  heard({ state: now, ends_at, began_at }) {
    this.now = now;
    this.ends = Date.parse(ends_at);
    if (began_at) this.began = Date.parse(began_at);
    this.tick();
  }

  tick() {
    if (!this.line || this.ends === null) return;
    const seconds = Math.ceil((this.ends - Date.now()) / 1000);
    const open = this.now === "open" && seconds > 0;
    this.line.hidden = false;
    this.bar.hidden = this.again.hidden = !open;
    if (open) this.bar.value = Math.min(1, (seconds * 1000) / Math.max(1, this.ends - (this.began ?? this.card.pop.ended)));
    this.left.textContent = open ? say("secondsLeft", { seconds }) : words.timeOver;
  }

  async more() {
    try {
      this.heard(await api("PUT", `/wrap-ups/${this.card.pop.interaction}`, { more_seconds: MORE_SECONDS }));
    } catch (error) {
      toast(error.message);
    }
  }

  // Says all of it at once. Where the hub keeps no wrap-up of the call, the next step is kept all the same.
  async finish() {
    const { interaction } = this.card.pop;
    const { disposition, step = "", due = "", own = "" } = this.card.draft;
    const at = due === OWN ? own && instant(own) : due;
    const task = step.trim() ? { title: step.trim(), ...(at ? { due_at: at } : {}) } : null;
    try {
      await api("PUT", `/wrap-ups/${interaction}`, { state: "done", ...(disposition ? { disposition } : {}), ...(task ? { task } : {}) });
    } catch (error) {
      if (error.status !== 404) throw error;
      if (task) await api("POST", "/tasks", { ...task, interaction });
    }
  }
}
