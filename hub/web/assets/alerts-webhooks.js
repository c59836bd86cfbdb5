// Subscribers: added, tried, given a new secret, and what was sent to each.
import { api } from "./api.js";
import { icon, make, part, say, toast, words } from "./dom.js";

const page = document.getElementById("subscribers");

async function anew() {
  page.innerHTML = await (await part("/settings/webhooks")).text();
}

// The secret stands in a dialog of its own, because it cannot be had again.
function secret(text, hint) {
  const dialog = document.getElementById("dialog");
  dialog.setAttribute("aria-labelledby", "secret-title");
  dialog.replaceChildren(
    make("header", {}, make("h2", { id: "secret-title" }, words.secretTitle)),
    make("div", { class: "body form" }, make("p", { class: "secret number", "data-secret": true }, text), make("p", { class: "muted" }, hint)),
    make("footer", {}, make("button", { class: "button", type: "button", "data-copy": text }, words.copy), make("button", { class: "button primary", type: "button", "data-closes": true }, words.done)),
  );
  if (!dialog.open) dialog.showModal();
  dialog.addEventListener("close", () => dialog.replaceChildren(), { once: true });
}

async function log(box, before = "") {
  const html = await (await part(`/settings/webhooks/${box.closest("[data-subscriber]").dataset.subscriber}/attempts${before ? `?before=${before}` : ""}`)).text();
  const place = box.querySelector("[data-log]");
  if (!before) place.innerHTML = html;
  else {
    place.querySelector("[data-earlier]")?.remove();
    place.insertAdjacentHTML("beforeend", html);
  }
}

const deeds = {
  async test(section, button) {
    const result = section.querySelector("[data-result]");
    button.disabled = true;
    result.className = "small muted";
    result.textContent = words.testing;
    try {
      const { status, milliseconds: ms, reason } = await api("POST", `/subscribers/${section.dataset.subscriber}/test`);
      result.className = reason ? "small late" : "small well";
      result.replaceChildren(icon(reason ? "warn" : "check"), ` ${reason ? say("testFailed", { why: reason }) : say("tested", { status, ms })}`);
      const box = section.querySelector("[data-attempts]");
      if (box.open) await log(box);
    } finally {
      button.disabled = false;
    }
  },
  async roll(section) {
    const rolled = await api("POST", `/subscribers/${section.dataset.subscriber}/roll`);
    await anew();
    secret(rolled.secret, words.rolledHint);
  },
  async remove(section, button) {
    if (!button.dataset.sure) {
      button.dataset.sure = "yes";
      const before = [...button.childNodes];
      button.replaceChildren(words.sure);
      setTimeout(() => {
        delete button.dataset.sure;
        button.replaceChildren(...before);
      }, 5000);
      return;
    }
    await api("DELETE", `/subscribers/${section.dataset.subscriber}`);
    await anew();
    toast(words.subscriberGone);
  },
  async repeat(section, button) {
    await api("POST", `/subscribers/${section.dataset.subscriber}/attempts/${button.dataset.repeat}/repeat`);
    toast(words.repeated, 3);
    setTimeout(() => log(section.querySelector("[data-attempts]")).catch(() => {}), 1500);
  },
  earlier: (section, button) => log(section.querySelector("[data-attempts]"), button.dataset.earlier),
};

if (page) {
  page.addEventListener("click", async (event) => {
    const section = event.target.closest("[data-subscriber]");
    const button = event.target.closest("button");
    const name = section && button && Object.keys(deeds).find((each) => each in button.dataset);
    if (!name) return;
    try {
      await deeds[name](section, button);
    } catch (error) {
      toast(error.message, 8);
    }
  });
  page.addEventListener("change", async (event) => {
    if (!event.target.matches("[data-enabled]")) return;
    const { subscriber, version } = event.target.closest("[data-subscriber]").dataset;
    try {
      await api("PUT", `/subscribers/${subscriber}`, { enabled: event.target.checked, version: Number(version) });
    } catch (error) {
      toast(error.kind === "stale" ? words.changedElsewhere : error.message, 8);
    }
    await anew();
    page.querySelector(`[data-subscriber="${CSS.escape(subscriber)}"] [data-enabled]`)?.focus();
  });
  page.addEventListener("toggle", (event) => event.target.matches("[data-attempts]") && event.target.open && log(event.target).catch(() => toast(words.failed)), true);
  document.getElementById("dialog").addEventListener("submit", async (event) => {
    const form = event.target.closest("[data-new-subscriber]");
    if (!form) return;
    event.preventDefault();
    const given = new FormData(form);
    try {
      const made = await api("POST", "/subscribers", { url: given.get("url"), label: given.get("label"), events: given.getAll("events") });
      await anew();
      secret(made.secret, words.secretHint);
    } catch (error) {
      const wrong = form.querySelector(".wrong");
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  });
}
