// For other web sites: shows a form or a chat of the hub within theirs. The script's own address says where the hub is.
//   <script src="https://hub.example.org/form/embed.js" data-form="contact-form"></script>   the form, within the text
//   <script src="https://hub.example.org/chat/embed.js" data-chat="website-chat"></script>   a button and the chat above it
// data-text is what the button is called, data-close what closes the chat, data-lang the language.
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const { form, chat, text, lang } = script.dataset;
  const more = lang ? `&lang=${encodeURIComponent(lang)}` : "";

  function frame(path, title) {
    const made = document.createElement("iframe");
    made.src = `${home}${path}?embed=1${more}`;
    made.title = title;
    made.style.cssText = "display:block;width:100%;height:100%;border:0;background:transparent;color-scheme:normal";
    return made;
  }

  function hear(made, hearer) {
    window.addEventListener("message", (event) => {
      if (event.origin === home && event.source === made.contentWindow && event.data) hearer(event.data);
    });
  }

  if (form) {
    const made = frame(`/form/${form}`, text || "Write to us");
    made.style.height = "720px";
    hear(made, (said) => {
      if (said.form === "height") made.style.height = `${Math.min(Math.max(Number(said.height) || 0, 240), 4000)}px`;
    });
    script.after(made);
  }

  if (!chat) return;
  const name = `hub-chat/${chat}`;
  const label = text || "Chat";
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.style.cssText =
    "position:fixed;right:20px;bottom:20px;z-index:2147483000;min-height:48px;padding:0 20px;border:0;border-radius:24px;background:#0c6470;color:#fff;font:600 16px/1 system-ui,sans-serif;box-shadow:0 4px 16px rgb(0 0 0/25%);cursor:pointer";
  const badge = document.createElement("span");
  badge.style.cssText = "margin-left:8px;padding:2px 8px;border-radius:12px;background:#fff;color:#0c6470;font:700 14px/1.3 system-ui,sans-serif";
  badge.hidden = true;
  button.append(label, badge);

  const panel = document.createElement("div");
  panel.setAttribute("role", "dialog");
  panel.setAttribute("aria-label", label);
  panel.style.cssText =
    "position:fixed;right:max(0px,min(20px,(100vw - 380px)/2));bottom:max(0px,min(20px,(100vw - 420px)/2));z-index:2147483001;width:min(380px,100vw);height:min(600px,100dvh);border-radius:12px;overflow:hidden;box-shadow:0 8px 40px rgb(0 0 0/30%);background:Canvas;display:none";
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", script.dataset.close || "Close");
  close.style.cssText =
    "position:absolute;top:6px;right:6px;width:44px;height:44px;border:0;border-radius:6px;background:none;color:GrayText;font:24px/1 sans-serif;cursor:pointer";
  let inside = null;
  let open = false;
  let ready = false;

  function load() {
    if (inside) return;
    inside = frame(`/chat/${chat}`, label);
    hear(inside, (said) => {
      if (said.chat === "ready") {
        ready = true;
        tell();
      }
      if (said.chat === "shut" && open) show(false);
      if (said.chat !== "state") return;
      badge.hidden = !said.unread || open;
      badge.textContent = said.unread ? String(said.unread) : "";
      try {
        if (said.begun) window.localStorage.setItem(name, "1");
      } catch {
        return; // it is asked for again when the button is pressed
      }
    });
    panel.append(inside, close);
  }

  function tell() {
    if (ready) inside.contentWindow.postMessage({ chat: "shown", shown: open }, home);
  }

  function show(now) {
    open = now;
    if (open) load();
    panel.style.display = open ? "block" : "none";
    button.style.visibility = open ? "hidden" : "visible";
    button.setAttribute("aria-expanded", String(open));
    badge.hidden = true;
    tell();
    (open ? inside : button).focus();
  }

  button.addEventListener("click", () => show(true));
  close.addEventListener("click", () => show(false));
  panel.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(false);
  });
  document.body.append(button, panel);
  try {
    if (window.localStorage.getItem(name)) load(); // she has begun one: what we answer shows on the button
  } catch {
    return;
  }
})();
