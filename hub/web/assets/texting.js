// Writing a text: one field, what it costs in segments, for how long free text is still taken where a chat has such a
// rule, and the templates that it takes after that. Files go along where the source takes them.
import { Files } from "./attach.js";
import { Composer, composer } from "./composer.js";
import { make, say, words } from "./dom.js";
import { segments } from "./segments.js";

const TICK = 15000;
const GAP = /\{\{\s*([A-Za-z0-9_]{1,40})\s*\}\}/g;
const NO_FILES = { ids: [], files: [], known: [], busy: false, add() {}, set() {} };

class Texting extends Composer {
  assemble() {
    this.people = {};
    this.files = this.facts.largest ? new Files(this.form.querySelector(".uploads"), () => this.changed(), this.facts.largest) : NO_FILES;
    this.count = this.form.querySelector("[data-length]");
    this.window = this.form.querySelector("[data-window]");
    this.template = this.form.querySelector("[data-template]");
    this.templated = false;
    this.template?.querySelector("select").addEventListener("change", () => {
      this.gaps();
      this.changed();
    });
    this.template?.addEventListener("input", () => {
      this.preview();
      this.changed();
    });
    this.form.addEventListener("click", ({ target }) => {
      if (target.closest("[data-templates]")) this.choose(true);
      else if (target.closest("[data-free]")) this.choose(false);
    });
    this.refresh();
    if (this.window) this.ticking = setInterval(() => this.refresh(), TICK);
  }

  listenForFiles() {
    if (this.facts.largest) super.listenForFiles();
  }

  sign() {}

  more() {}

  get open24() {
    const { windowed, window_ends_at: ends } = this.facts;
    return !windowed || (ends !== null && Date.parse(ends) > Date.now());
  }

  // How long free text is still taken; after that there are templates.
  refresh() {
    if (!this.window) return;
    const minutes = Math.max(1, Math.floor((Date.parse(this.facts.window_ends_at ?? 0) - Date.now()) / 60000));
    const time = minutes < 60 ? say("windowMinutes", { minutes }) : say("windowHours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
    const name = this.window.dataset.called;
    const said = this.open24 ? say("windowLeft", { name, time }) : say("windowClosed", { name });
    if (this.window.textContent !== said) this.window.textContent = said;
    this.window.classList.toggle("late", !this.open24);
    this.window.classList.toggle("waiting", this.open24 && minutes < 120);
    if (!this.open24 && !this.templated) this.choose(true);
  }

  choose(templated) {
    if (!this.template) return;
    this.templated = templated || !this.open24;
    this.template.hidden = !this.templated;
    this.template.querySelector("[data-free]").hidden = !this.open24;
    this.form.querySelector(".writing-field").hidden = this.templated;
    for (const name of ["templates", "canned"]) {
      const button = this.form.querySelector(`footer [data-${name}]`);
      if (button) button.hidden = this.templated;
    }
    if (this.templated && !this.template.querySelector(".gaps").childElementCount) this.gaps();
    this.warn();
    (this.templated ? (this.template.querySelector(".gaps input") ?? this.template.querySelector("select")) : this.field).focus({ preventScroll: true });
  }

  get chosen() {
    return this.facts.templates.find((each) => each.name === this.template.querySelector("select").value);
  }

  gaps(values = {}) {
    const rows = this.chosen.gaps.map((gap) => make("label", { class: "line" }, make("span", { class: "small muted cut" }, /^\d+$/.test(gap) ? say("gap", { gap }) : gap), make("input", { name: `gap-${gap}`, maxlength: "1000", value: values[gap] ?? "", "data-gap": gap })));
    this.template.querySelector(".gaps").replaceChildren(...rows);
    this.preview();
  }

  get values() {
    return Object.fromEntries([...this.template.querySelectorAll("[data-gap]")].map((each) => [each.dataset.gap, each.value.trim()]));
  }

  preview() {
    const { values } = this;
    const pieces = [];
    let last = 0;
    for (const found of this.chosen.text.matchAll(GAP)) {
      pieces.push(this.chosen.text.slice(last, found.index), make("mark", {}, values[found[1]] || found[0]));
      last = found.index + found[0].length;
    }
    this.template.querySelector(".preview .written").replaceChildren(...pieces, this.chosen.text.slice(last));
  }

  content() {
    return {
      text: this.templated ? "" : this.field.value,
      source: this.source.value,
      ...(this.facts.largest && !this.templated ? { uploads: this.files.ids } : {}),
      ...(this.templated ? { template: { name: this.chosen.name, values: this.values } } : {}),
      ...(this.canned && !this.templated ? { canned: this.canned } : {}),
    };
  }

  fill(content) {
    this.filling = true;
    this.field.value = content.template ? "" : (content.text ?? "");
    this.canned = content.canned || null;
    this.files.set(content.files ?? content.uploads?.filter((each) => each.name));
    if (this.template) {
      if (content.template) this.template.querySelector("select").value = content.template.name;
      this.gaps(content.template?.values);
      if (Boolean(content.template) !== this.templated) this.choose(Boolean(content.template));
    }
    this.warn();
    this.filling = false;
  }

  warn() {
    const { alphabet, longest } = this.facts;
    const left = longest - [...this.field.value].length;
    const over = left < 0;
    let said = over ? say("charactersOver", { over: -left }) : "";
    if (!over && alphabet) {
      const found = segments(this.field.value, alphabet);
      said = [say("charactersLeft", { left: found.left }), ...(found.count ? [say("segments", { count: found.count })] : [])].join(" · ");
    } else if (!over && left < 200) said = say("charactersLeft", { left });
    this.count.textContent = this.templated ? "" : said;
    this.count.classList.toggle("late", over && !this.templated);
  }

  missing(content) {
    if (this.templated) {
      const gap = this.chosen.gaps.find((each) => !content.template.values[each]);
      return gap ? [say("fillGap", { gap }), this.template.querySelector(`[data-gap="${gap}"]`)] : null;
    }
    if (!content.text.trim() && !content.uploads?.length) return [words.emptyLetter, this.field];
    const over = [...content.text.trim()].length - this.facts.longest;
    return over > 0 ? [say("charactersOver", { over }), this.field] : null;
  }

  // What they write opens the window again.
  meanwhile(fresh) {
    const facts = JSON.parse(fresh.querySelector("script.writing")?.textContent ?? "null");
    if (facts?.window_ends_at && this.field) {
      const was = this.open24;
      this.facts.window_ends_at = facts.window_ends_at;
      if (!was && this.open24) this.choose(false);
      this.refresh();
    }
    if (this.field) super.meanwhile(fresh);
  }

  leave() {
    clearInterval(this.ticking);
    super.leave();
  }
}

composer.kinds.text = Texting;
