// One way to choose everything: what for as the title, words to narrow it down, arrows and Enter, or the key beside it.
import { icon, make, words } from "./dom.js";

let dialog = null;
let done = () => {};

// *options* is a list, or a function of the words typed so far that answers one (or a promise of one). Each has label,
// value, and where it helps hint, icon, face, key. Answers the value, or null where nothing was chosen.
export function choose({ title, placeholder = "", options, narrow = true, extra = null }) {
  dialog?.remove();
  const list = make("div", { class: "found", role: "listbox", id: "chooser-found", "aria-label": title, tabindex: narrow ? "-1" : "0" });
  const input = make("input", {
    type: "search", autocomplete: "off", spellcheck: "false", placeholder: placeholder || title, "aria-label": title, role: "combobox",
    "aria-expanded": "true", "aria-controls": "chooser-found", "aria-autocomplete": "list",
  });
  const holder = narrow ? input : list;
  dialog = make(
    "dialog", { class: "palette chooser", "aria-label": title },
    narrow ? make("div", { class: "ask" }, icon("search", "large"), input, make("kbd", {}, "Esc")) : make("h2", { class: "ask" }, title),
    list,
    extra,
  );
  document.body.append(dialog);
  let shown = [];
  let at = 0;
  let asked = 0;

  const select = (place) => {
    if (!shown.length) return holder.removeAttribute("aria-activedescendant");
    at = (place + shown.length) % shown.length;
    shown.forEach(({ element }, number) => element.setAttribute("aria-selected", String(number === at)));
    holder.setAttribute("aria-activedescendant", shown[at].element.id);
    shown[at].element.scrollIntoView({ block: "nearest" });
  };
  const show = (found) => {
    shown = found.map((option, number) => ({ option, element: line(option, number) }));
    list.replaceChildren(...shown.map(({ element }) => element));
    if (!shown.length) list.append(make("p", { class: "empty" }, words.nothing));
    select(0);
  };
  const line = (option, number) =>
    make(
      "div", { class: "option", role: "option", id: `choice-${number}`, "aria-selected": "false", onclick: () => finish(option.value) },
      option.face ? make("span", { class: "face", "aria-hidden": "true" }, option.face) : option.icon ? icon(option.icon) : null,
      make("span", { class: "cut" }, option.label),
      option.hint || option.key ? make("span", { class: "end" }, option.hint, option.hint && option.key ? " " : null, option.key ? make("kbd", {}, option.key) : null) : null,
    );
  const ask = async () => {
    const mine = (asked += 1);
    const text = input.value.trim();
    const found = typeof options === "function" ? await options(text) : options.filter((option) => fits(option, text));
    if (mine === asked) show(found);
  };
  const finish = (value) => {
    done(value);
    done = () => {};
    dialog.close();
  };

  dialog.addEventListener("keydown", (event) => {
    if (event.isComposing || event.target.closest(".extra")) return;
    const keyed = !narrow && shown.find(({ option }) => option.key === event.key);
    if (event.key === "ArrowDown" || (!narrow && event.key === "j")) select(at + 1);
    else if (event.key === "ArrowUp" || (!narrow && event.key === "k")) select(at - 1);
    else if (event.key === "Enter") shown[at] && finish(shown[at].option.value);
    else if (keyed) finish(keyed.option.value);
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    done(null);
    done = () => {};
  });
  dialog.finish = finish;
  let pause = 0;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, typeof options === "function" ? 90 : 0);
  });
  dialog.showModal();
  holder.focus();
  ask();
  return new Promise((resolve) => (done = resolve));
}

function fits(option, text) {
  const said = `${option.label} ${option.hint ?? ""} ${option.also ?? ""}`.toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => said.includes(word));
}

// A moment of one's own choice, as the last part of a chooser.
export function moment(label, submit) {
  const soon = new Date(Date.now() + 3600e3);
  soon.setMinutes(0, 0, 0);
  const local = new Date(soon.getTime() - soon.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
  const field = make("input", { class: "input", type: "datetime-local", value: local, "aria-label": label, required: true });
  return make(
    "form", { class: "extra", onsubmit: (event) => {
      event.preventDefault();
      const at = new Date(field.value);
      if (at > new Date()) submit(at);
      else field.setCustomValidity(words.past), field.reportValidity();
    } },
    make("label", { class: "small muted" }, label), field, make("button", { class: "button", type: "submit" }, words.choose),
  );
}

export const finishChoice = (value) => dialog?.finish(value);
