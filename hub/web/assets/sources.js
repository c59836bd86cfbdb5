// Sources: the page follows what happens to them, and administrators hear of trouble wherever they are.
import htmx from "htmx.org";
import { say, toast } from "./dom.js";
import { on } from "./live.js";

const OFTEN = 1000;
let waiting = 0;

function follow() {
  const page = document.getElementById("sources");
  if (!page || waiting || document.visibilityState !== "visible") return;
  waiting = setTimeout(() => {
    waiting = 0;
    if (!document.querySelector("dialog[open]")) htmx.trigger(page, "refresh");
  }, OFTEN);
}

on("activity", ({ data }) => data.sources && follow());
on("alert", ({ data }) => {
  if (data.kind !== "source") return;
  toast(say(data.state === "listening" ? "sourceWell" : "sourceTrouble", { name: data.source }), 8);
  follow();
});
