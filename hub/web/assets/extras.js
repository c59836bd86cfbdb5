// What else one can do from a call: block the number, call back, and make a deal, a case or a task out of it.
import { api } from "./api.js";
import { call } from "./dial.js";
import { icon, make, toast, words } from "./dom.js";
import { offerUndo } from "./undo.js";

export class Extras {
  constructor(card) {
    this.card = card;
    this.element = make("div", { class: "extras", id: `extras-${card.pop.id}`, hidden: true });
    this.button = make("button", { class: "button square", type: "button", "aria-label": words.more, title: words.more, "aria-expanded": "false", "aria-controls": this.element.id, onclick: () => this.toggle() }, icon("more"));
  }

  toggle(open = this.element.hidden) {
    this.element.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    this.list();
    this.element.querySelector("button, input")?.focus();
    this.element.scrollIntoView({ block: "nearest" });
  }

  list() {
    const { contact, pop, facts } = this.card;
    const act = (symbol, word, does) => make("button", { class: "option", type: "button", onclick: does }, icon(symbol), make("span", {}, word));
    const phone = pop.handle.startsWith("tel:");
    this.element.replaceChildren(
      make("div", { class: "acts" },
        act("check", words.newTask, () => this.ask(words.taskTitle, (title) => this.make("/tasks", { title, interaction: pop.interaction }))),
        contact && act("deal", words.newDeal, () => this.ask(words.dealTitle, (title) => this.make("/deals", { title, contact: contact.id }))),
        contact && act("case", words.newCase, () => this.ask(words.caseTitle, (title) => this.make("/cases", { title, contact: contact.id }))),
        phone && pop.state === "ringing" && act("call-out", words.callBack, () => call(pop.handle)),
        phone && (facts.blocked ? act("bell-off", words.unblock, () => this.block(false)) : act("bell-off", words.block, () => this.block(true))),
      ),
    );
  }

  // One line to be typed, then *does* gets it.
  ask(label, does) {
    const field = make("input", { class: "input", required: true, maxlength: "500", autocomplete: "off", "aria-label": label, placeholder: label });
    const form = make("form", { class: "asked", onsubmit: (event) => {
      event.preventDefault();
      if (field.value.trim()) does(field.value.trim());
      this.toggle(false);
    } }, field, make("button", { class: "button", type: "submit" }, words.save));
    this.element.hidden = false;
    this.element.replaceChildren(form);
    field.focus();
  }

  async make(path, body) {
    try {
      await api("POST", path, body);
      toast(words.created);
      this.card.load(this.card.contact?.id ?? "");
    } catch (error) {
      toast(error.message);
    }
  }

  async block(on) {
    const { handle } = this.card.pop;
    const path = `/blocked-numbers/${encodeURIComponent(handle)}`;
    this.toggle(false);
    try {
      if (!on) await api("DELETE", path);
      else {
        await api("PUT", path, {});
        offerUndo(words.blocked, () => api("DELETE", path));
      }
      this.card.facts.blocked = on ? "yes" : "";
      if (!on) toast(words.unblocked);
    } catch (error) {
      toast(error.message);
    }
  }
}
