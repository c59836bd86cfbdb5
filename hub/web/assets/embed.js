// For other web sites: shows a booking page within theirs. The script's own address says where the hub is.
//   <script src="https://hub.example.org/book/embed.js" data-book="intro"></script>                    within the text
//   <script src="…/book/embed.js" data-book="intro" data-show="button" data-text="Book a talk"></script>  a floating button
//   <a href="https://hub.example.org/book/intro" data-book-popup>Book a talk</a>                        a window above the page
(() => {
  const script = document.currentScript;
  const home = new URL(script.src).origin;
  const text = script.dataset.text || "Book a meeting";

  const address = (slug) => `${home}/book/${slug}${slug.includes("?") ? "&" : "?"}embed=1`;

  function frame(src, title) {
    const made = document.createElement("iframe");
    made.src = src;
    made.title = title;
    made.loading = "lazy";
    made.style.cssText = "display:block;width:100%;height:640px;border:0;background:transparent;color-scheme:normal";
    window.addEventListener("message", (event) => {
      if (event.origin === home && event.source === made.contentWindow && event.data?.booking === "height" && made.dataset.grows) {
        made.style.height = `${Math.min(Math.max(Number(event.data.height) || 0, 320), 4000)}px`;
      }
    });
    return made;
  }

  function popup(src, title) {
    const dialog = document.createElement("dialog");
    dialog.setAttribute("aria-label", title);
    dialog.style.cssText = "width:min(920px,96vw);max-width:96vw;height:min(760px,94vh);padding:0;border:0;border-radius:12px;overflow:hidden";
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "×";
    close.setAttribute("aria-label", script.dataset.close || "Close");
    close.style.cssText = "position:absolute;top:6px;right:6px;width:44px;height:44px;border:0;background:none;font:24px/1 sans-serif;cursor:pointer";
    close.addEventListener("click", () => dialog.close());
    const inside = frame(src, title);
    inside.style.height = "100%";
    dialog.append(inside, close);
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-book-popup]");
    if (!link || new URL(link.href).origin !== home) return;
    event.preventDefault();
    popup(`${link.href}${link.search ? "&" : "?"}embed=1`, link.textContent.trim());
  });

  const slug = script.dataset.book;
  if (!slug) return;
  if (script.dataset.show === "button") {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.style.cssText = "position:fixed;right:20px;bottom:20px;z-index:2147483000;min-height:48px;padding:0 20px;border:0;border-radius:24px;background:#0c6470;color:#fff;font:600 16px/1 system-ui,sans-serif;box-shadow:0 4px 16px rgb(0 0 0/25%);cursor:pointer";
    button.addEventListener("click", () => popup(address(slug), text));
    document.body.append(button);
  } else {
    const inside = frame(address(slug), text);
    inside.dataset.grows = "1";
    script.after(inside);
  }
})();
