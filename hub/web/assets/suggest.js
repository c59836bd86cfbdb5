// Completions while one types: people for an address, colleagues after @, answers after ;. Arrows, Enter or Tab, Esc.
import { icon, make } from "./dom.js";

let numbers = 0;

// *word* answers the piece of *field* to complete, or null; *find* answers options ({label, hint, face, icon, value}) for
// it; *pick* puts the value in.
export function suggesting(field, { label, word, find, pick }) {
  const id = `suggest-${(numbers += 1)}`;
  const box = make("ul", { class: "suggest", id, role: "listbox", "aria-label": label, hidden: true });
  field.after(box);
  field.setAttribute("aria-controls", id);
  field.setAttribute("aria-autocomplete", "list");
  const combo = field.getAttribute("role") === "combobox";
  let shown = [];
  let at = 0;
  let asked = 0;

  const close = () => {
    asked += 1;
    shown = [];
    box.hidden = true;
    field.removeAttribute("aria-activedescendant");
    if (combo) field.setAttribute("aria-expanded", "false");
  };
  const select = (place) => {
    at = (place + shown.length) % shown.length;
    [...box.children].forEach((each, number) => each.setAttribute("aria-selected", String(number === at)));
    field.setAttribute("aria-activedescendant", box.children[at].id);
    box.children[at].scrollIntoView({ block: "nearest" });
  };
  const take = (option) => {
    pick(option.value, word(field));
    close();
    field.focus();
  };
  const ask = async () => {
    const piece = word(field);
    if (piece === null) return close();
    const mine = (asked += 1);
    let found = [];
    try {
      found = (await find(piece)).slice(0, 8);
    } catch {
      // Nothing to complete with: what is typed stands as it is.
    }
    if (mine !== asked) return;
    if (!found.length) return close();
    shown = found;
    box.replaceChildren(
      ...found.map((option, number) =>
        make(
          "li", { class: "option", role: "option", id: `${id}-${number}`, "aria-selected": "false", onpointerdown: (event) => event.preventDefault(), onclick: () => take(option) },
          option.face ? make("span", { class: "face", "aria-hidden": "true" }, option.face) : option.icon ? icon(option.icon) : null,
          make("span", { class: "cut" }, option.label),
          option.hint ? make("span", { class: "end cut" }, option.hint) : null,
        ),
      ),
    );
    box.hidden = false;
    if (combo) field.setAttribute("aria-expanded", "true");
    select(0);
  };
  let pause = 0;
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(ask, 60);
  });
  field.addEventListener("blur", () => setTimeout(close, 120));
  field.addEventListener("keydown", (event) => {
    if (box.hidden || event.isComposing) return;
    if (event.key === "ArrowDown") select(at + 1);
    else if (event.key === "ArrowUp") select(at - 1);
    else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) take(shown[at]);
    else if (event.key === "Tab" && !event.shiftKey) take(shown[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  return { close, ask };
}

// The piece after *mark* that the caret stands in: at the start of a line or after a blank.
export function after(mark) {
  return (field) => {
    const before = field.value.slice(0, field.selectionStart);
    const found = before.match(new RegExp(`(?:^|[\\s(（，。])${mark}([\\p{L}\\p{N}_.-]*)$`, "u"));
    return found ? found[1] : null;
  };
}

// Puts *text* in place of the piece and its mark.
export function complete(field, piece, text) {
  const end = field.selectionStart;
  field.setRangeText(text, end - piece.length - 1, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
