// Where one writes: an answer, to all, or a note for colleagues. It keeps what was typed, shows what will go, warns
// before it crosses what others wrote, and gives a letter back for as long as it has not left.
import { agents, changed, chooseTime } from "./actions.js";
import { api } from "./api.js";
import { Files } from "./attach.js";
import { chooseCanned, insert, offerCanned, suggest } from "./canned.js";
import { Draft } from "./drafts.js";
import { announce, icon, login, make, say, state, stored, toast, words } from "./dom.js";
import { Recipients, spelt } from "./recipients.js";
import { list, scroller, toEnd } from "./shelf.js";
import { after, complete, suggesting } from "./suggest.js";
import { offerUndo } from "./undo.js";

export class Composer {
  constructor(form, talk) {
    this.form = form;
    this.talk = talk;
    this.id = talk.dataset.conversation;
    this.facts = JSON.parse(talk.querySelector("script.writing").textContent);
    this.field = form.querySelector("textarea[name=text]");
    this.note = form.querySelector("textarea[name=note]");
    this.source = form.querySelector("[name=source]");
    this.subject = form.querySelector("[name=subject]");
    this.warnings = form.querySelector(".warnings");
    this.banner = form.querySelector(".meanwhile");
    this.saved = form.querySelector(".saved");
    this.latest = this.facts.latest;
    this.seen = talk.dataset.latest;
    this.canned = null;
    this.mode = "";
    const change = () => this.changed();
    if (this.field) {
      this.assemble(change);
      this.draft = new Draft(this.id, (how) => this.tell(how));
      this.listen();
      const begun = this.draft.unsaved ?? this.facts.draft;
      if (begun) {
        this.open("draft", begun);
        if (this.draft.unsaved) this.draft.change(begun);
      } else if (this.id === "new") this.open("reply");
      else suggest(form.querySelector(".suggested"), this.id, (each) => {
        this.open("reply");
        insert(this.field, each.text);
        this.canned = each.canned;
        this.changed();
      });
    }
    this.listenToNote();
    form.addEventListener("click", (event) => this.clicked(event));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.go(event.submitter?.dataset.then ?? "");
    });
    form.addEventListener("keydown", (event) => this.keyed(event));
  }

  // --- what is written ---

  assemble(change) {
    this.people = Object.fromEntries(["to", "cc", "bcc"].map((name) => [name, new Recipients(this.form.querySelector(`[data-recipients=${name}]`), { change, undeliverable: this.facts.undeliverable ?? {} })]));
    this.files = new Files(this.form.querySelector(".uploads"), change);
  }

  listen() {
    offerCanned(this.field, () => this.id, (id) => (this.canned = id));
    this.field.addEventListener("input", () => {
      grow(this.field);
      this.changed();
      document.dispatchEvent(new CustomEvent("writing"));
    });
    this.subject?.addEventListener("input", () => this.changed());
    this.source?.addEventListener("change", () => {
      this.sign();
      this.changed();
    });
    this.listenForFiles();
  }

  listenForFiles() {
    this.form.querySelector("input[type=file]").addEventListener("change", (event) => {
      this.files.add(event.target.files);
      event.target.value = "";
    });
    this.field.addEventListener("paste", (event) => {
      const files = [...event.clipboardData.files];
      if (!files.length) return;
      event.preventDefault();
      this.files.add(files);
    });
    const lit = (on) => (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      this.talk.classList.toggle("dropping", on);
    };
    this.talk.addEventListener("dragover", lit(true));
    this.talk.addEventListener("dragleave", lit(false));
    this.talk.addEventListener("drop", (event) => {
      lit(false)(event);
      if (!event.dataTransfer?.files.length) return;
      if (!this.mode || this.mode === "note") this.open("reply");
      this.files.add(event.dataTransfer.files);
    });
  }

  listenToNote() {
    if (!this.note) return;
    const key = `note.${login}.${this.id}`;
    this.note.value = stored.read(key, "");
    suggesting(this.note, {
      label: words.colleagues,
      word: after("@"),
      find: async (q) => (await agents()).filter((each) => `${each.id} ${each.name}`.toLowerCase().includes(q.toLowerCase())).map((each) => ({ label: each.name, hint: `@${each.id}`, face: [...each.name][0], value: each })),
      pick: (each, piece) => complete(this.note, piece ?? "", `@${each.id} `),
    });
    this.note.addEventListener("input", () => {
      stored.write(key, this.note.value);
      grow(this.note);
      document.dispatchEvent(new CustomEvent("writing"));
    });
    this.forgetNote = () => {
      this.note.value = "";
      localStorage.removeItem(`hub.${key}`);
    };
  }

  content() {
    const wire = (name) => this.people[name].people.map(spelt);
    return {
      to: wire("to"), cc: wire("cc"), bcc: wire("bcc"), subject: this.subject?.value ?? "",
      text: this.field.value, source: this.source?.value ?? "", uploads: this.files.ids, ...(this.canned ? { canned: this.canned } : {}),
    };
  }

  changed() {
    this.warn();
    if (this.filling) return;
    this.draft.change({ ...this.content(), files: this.files.known });
  }

  fill(content) {
    this.filling = true;
    for (const name of ["to", "cc", "bcc"]) this.people[name].set(content[name]);
    if (this.subject) this.subject.value = content.subject ?? this.facts.subject ?? "";
    if (content.source && this.source) this.source.value = content.source;
    this.field.value = content.text ?? "";
    this.files.set(content.files ?? content.uploads?.filter((each) => each.name));
    this.canned = content.canned || null;
    this.more(this.people.cc.people.length + this.people.bcc.people.length > 0);
    this.sign();
    this.warn();
    this.filling = false;
  }

  // --- opening and closing ---

  open(mode, begun = null) {
    if (mode !== "note" && !this.field) return toast(this.form.dataset.noAnswer || words.noAnswerHere, 4);
    const writing = mode !== "note" && this.mode && this.mode !== "note";
    if (mode === "note") this.mode = "note";
    else {
      if (begun) this.fill(begun);
      else if (!writing && !this.field.value && !this.files.files.length) this.fill({ ...(mode === "all" ? this.facts.all : this.facts.reply), source: this.facts.from, subject: this.facts.subject });
      else if (mode === "all") {
        this.people.to.set(this.facts.all.to);
        this.people.cc.set(this.facts.all.cc);
        this.more(this.facts.all.cc.length > 0);
        this.changed();
      }
      this.mode = "reply";
    }
    this.form.dataset.mode = this.mode;
    for (const tab of this.form.querySelectorAll("[data-mode-tab]")) tab.setAttribute("aria-pressed", String(tab.dataset.modeTab === this.mode));
    const field = this.mode === "note" ? this.note : this.field;
    grow(field);
    if (mode !== "draft") (this.id === "new" && !this.people.to.people.length ? this.people.to.input : field).focus();
    this.keepEnd();
    return true;
  }

  // The composer grows at the cost of what stands above it; what was in sight at its end stays there.
  keepEnd() {
    const pane = scroller(this.talk);
    if (pane && list.wide() && pane.scrollHeight - pane.scrollTop - pane.clientHeight < 400) toEnd(this.talk);
  }

  close() {
    this.mode = "";
    this.form.dataset.mode = "";
    if (this.banner) this.banner.hidden = true;
    document.dispatchEvent(new CustomEvent("wrote"));
    document.activeElement?.blur();
  }

  leave() {
    this.draft?.leave();
  }

  more(shown) {
    for (const line of this.form.querySelectorAll(".rare")) line.hidden = !shown;
    const button = this.form.querySelector("[data-more]");
    if (button) button.hidden = shown;
  }

  sign() {
    const identity = this.facts.identities.find((each) => each.source === this.source?.value) ?? this.facts.identities[0];
    const box = this.form.querySelector(".signature");
    box.textContent = identity?.signature ?? "";
    box.hidden = !identity?.signature;
  }

  // --- what is said about it ---

  tell(how) {
    this.saved.textContent = { saving: "", saved: words.draftSaved, kept: words.draftKept }[how];
    this.saved.classList.toggle("waiting", how === "kept");
  }

  warn() {
    const said = [];
    for (const each of Object.values(this.people).flatMap((one) => one.refused.map((person) => ({ ...person, one })))) {
      said.push(
        make("p", {}, icon("warn"), make("span", {}, make("strong", {}, each.address), " ", each.why.said || say("refusesMail", { why: each.why.diagnostic || each.why.reason })), make("button", { type: "button", class: "button narrow", onclick: () => each.one.lift(each.address).catch((error) => toast(error.message)) }, words.lift)),
      );
    }
    for (const each of Object.values(this.people).flatMap((one) => one.wrong)) said.push(make("p", {}, icon("warn"), make("span", {}, say("noAddress", { text: each.address }))));
    this.warnings.replaceChildren(...said);
    this.warnings.hidden = !said.length;
  }

  // Somebody wrote while this was being written.
  meanwhile(fresh) {
    const { latest, latestIn, latestBy, latestOurs } = fresh.dataset;
    if (!this.field || !latest || latest === this.seen) return;
    const empty = !this.field.value.trim();
    if (empty && (this.mode !== "reply" || !latestOurs)) return this.caughtUp(); // whoever begins now has read it
    if (this.mode !== "reply") return;
    this.hold(say(latestOurs ? "answeredMeanwhile" : "wroteMeanwhile", { name: latestBy }), { latest, latestIn });
  }

  hold(text, held = null) {
    this.banner.querySelector("span").textContent = text;
    this.banner.hidden = false;
    this.held = held ?? this.held;
    announce(text);
  }

  // --- clicking and keys ---

  clicked(event) {
    const at = (name) => event.target.closest(`[data-${name}]`);
    if (at("mode-tab")) this.open(at("mode-tab").dataset.modeTab);
    else if (at("begin")) this.open(at("begin").dataset.begin);
    else if (at("more")) {
      this.more(true);
      this.people.cc.input.focus();
    } else if (at("shut")) this.close();
    else if (at("discard")) this.discard();
    else if (at("canned")) chooseCanned(this.field, this.id, (id) => (this.canned = id)).catch((error) => toast(error.message));
    else if (at("file")) this.form.querySelector("input[type=file]").click();
    else if (at("later")) this.later();
    else if (at("seen")) {
      this.caughtUp();
      toEnd(this.talk);
      this.field.focus({ preventScroll: true });
    } else if (at("anyway")) {
      this.banner.hidden = true;
      this.send(this.pending ?? {}, true);
    }
  }

  keyed(event) {
    if (event.defaultPrevented || event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.go(event.shiftKey ? "close" : "");
    } else if (event.key === "Escape" && this.id !== "new") {
      event.preventDefault();
      event.stopPropagation();
      this.close();
      list.row(this.id)?.querySelector("a").focus({ preventScroll: true });
    }
  }

  // She has seen what came meanwhile, and writes on.
  caughtUp() {
    this.seen = this.held?.latest ?? this.talk.dataset.latest;
    this.latest = this.held?.latestIn || this.talk.dataset.latestIn || this.latest;
    this.held = null;
    this.banner.hidden = true;
  }

  async discard() {
    const kept = { ...this.content(), files: this.files.known };
    await this.draft.forget();
    this.fill({});
    this.close();
    offerUndo(words.discarded, () => {
      this.open("draft", kept);
      this.draft.change(kept);
    });
  }

  // --- sending ---

  go(then) {
    if (this.mode === "note") return this.writeNote();
    return this.send(then ? { then } : {});
  }

  async later() {
    const at = await chooseTime(words.sendLater, "/inbox/times");
    if (!at) return this.field.focus();
    const unless = this.form.querySelector("[name=unless]");
    await this.send({ send_at: at.at, unless_answered: unless ? unless.checked : true, said: at.said });
  }

  // What is wrong with it as it stands, and the field to mend it in.
  missing(content) {
    if (!content.to.length && !content.cc.length && !content.bcc.length) return [words.noRecipient, this.people.to.input];
    const wrong = Object.values(this.people).find((each) => each.wrong.length);
    if (wrong) return [say("noAddress", { text: wrong.wrong[0].address }), wrong.input];
    return content.text.trim() || content.uploads.length ? null : [words.emptyLetter, this.field];
  }

  async send(how, force = false) {
    for (const each of Object.values(this.people)) each.settle();
    const { said, ...facts } = how;
    const content = this.content();
    const missing = this.missing(content);
    if (missing) return this.fault(...missing);
    if (this.files.busy) return toast(words.stillUploading, 4);
    if (!this.banner.hidden && !force && this.held) {
      this.pending = how;
      return this.banner.querySelector("[data-seen]").focus();
    }
    const buttons = this.form.querySelectorAll("footer button");
    for (const button of buttons) button.disabled = true;
    const kept = { ...content, files: this.files.known };
    try {
      const path = this.id === "new" ? "/letters" : `/conversations/${this.id}/letters`;
      const about = this.id === "new" ? {} : { ...(this.latest ? { if_latest: this.latest } : {}), ...(this.facts.answers ? { reply_to_interaction: this.facts.answers } : {}) };
      const letter = await api("POST", path, { ...content, ...facts, ...about, ...(force ? { force: true } : {}) });
      this.sent(letter, facts, kept, said);
    } catch (error) {
      if (error.status === 409 || ["gaps", "undeliverable", "answered-meanwhile"].includes(error.kind)) {
        this.pending = how;
        this.hold(error.message);
      } else if (error.status) this.fault(error.message);
      else {
        this.tell("kept");
        toast(words.notSent, 6);
      }
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  sent(letter, facts, kept, said) {
    this.draft.forget(false);
    const { id } = this;
    const until = Date.parse(letter.undo_until ?? "") - Date.now();
    const seconds = facts.send_at ? 10 : Math.max(1, Math.min(60, until / 1000 || 10));
    this.fill({});
    this.close();
    const gone = facts.then === "close" ? list.remove([id]) : null;
    const conversation = letter.conversation ?? id;
    const back = async () => {
      await api("DELETE", `/letters/${letter.id}`);
      gone?.restore([id]);
      stored.write(`draft.${login}.${id}`, kept);
      if (id === "new") return (location.href = "/inbox/new");
      if (composer.now?.id === id) {
        composer.now.open("draft", kept);
        composer.now.draft.change(kept);
        composer.now.field.focus();
        changed([id]);
      } else list.go(id);
    };
    if (facts.send_at) offerUndo(say("scheduled", { when: said ?? "" }), back);
    else offerUndo("", back, { seconds, countdown: words.sendingIn });
    announce(facts.send_at ? say("scheduled", { when: said ?? "" }) : words.sendingNow);
    if (id === "new") document.dispatchEvent(new CustomEvent("begun", { detail: { conversation } }));
    else changed([id]);
  }

  fault(text, field = null) {
    toast(text, 5);
    announce(text);
    field?.focus();
  }

  async writeNote() {
    const text = this.note.value.trim();
    if (!text) return this.note.focus();
    try {
      const { unreached } = await api("POST", `/conversations/${this.id}/notes`, { text });
      if (unreached?.length) {
        const names = (await agents()).filter((each) => unreached.includes(each.id)).map((each) => each.name);
        toast(say("unreached", { name: names.join(words.comma) }), 8);
      }
      this.forgetNote();
      this.close();
      announce(words.noted);
      changed([this.id]);
    } catch (error) {
      toast(error.status ? error.message : words.notSent, 6);
    }
  }
}

function grow(field) {
  if (CSS.supports("field-sizing", "content")) return;
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, innerHeight * 0.4)}px`;
}

export const composer = {
  now: null,
  kinds: { mail: Composer },
  arrive(talk) {
    const form = talk.querySelector("[data-composer]");
    composer.now = form ? new composer.kinds[form.dataset.kind ?? "mail"](form, talk) : null;
    if (state.begin && composer.now) {
      composer.now.open(state.begin);
      state.begin = null;
    }
  },
  open: (mode) => composer.now?.open(mode) ?? false,
  meanwhile: (fresh) => composer.now?.meanwhile(fresh),
};

document.addEventListener("left", () => {
  composer.now?.leave();
  composer.now = null;
});
document.addEventListener("reachable", () => composer.now?.draft?.content && composer.now.draft.save());
