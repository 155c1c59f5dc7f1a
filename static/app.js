// Everything works without this file. It adds: dialogs, copy buttons, local and relative times, one submit a form.
"use strict";
const all = (selector, root = document) => root.querySelectorAll(selector);
const on = (type, act, target = document) => target.addEventListener(type, act);

// Times: written in UTC, shown in the reader's zone; those of a moment as "4 minutes ago", exact on hover.
const units = [["year", 31536e6], ["month", 2592e6], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]];
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const relative = (at) => {
  const past = at - Date.now();
  const [unit, size] = units.find(([, size]) => Math.abs(past) >= size) || [];
  return unit ? ago.format(Math.round(past / size), unit) : past < 0 ? "just now" : "in a moment";
};
const show = () => all("time[data-ago]").forEach((time) => {
  const at = new Date(time.dateTime);
  time.textContent = relative(at);
  time.title = at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
});
show();
setInterval(show, 30000);

// Dialogs: a link to a page that asks opens the same question in place.
on("click", (event) => {
  const link = event.target.closest("[data-dialog]");
  const dialog = link && document.getElementById(link.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
  }
  const close = event.target.closest("dialog [data-close]");
  if (close) {
    event.preventDefault();
    close.closest("dialog").close();
  }
  // The switcher closes at a click elsewhere.
  all("details.switch[open]").forEach((open) => open.contains(event.target) || (open.open = false));
});
on("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details.switch[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// A form is sent once, however often its button is pressed.
on("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  all("button", form).forEach((button) => button.setAttribute("aria-disabled", "true"));
});
on("pageshow", (event) => {
  if (event.persisted) all("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    all("button", form).forEach((button) => button.removeAttribute("aria-disabled"));
  });
}, window);

// Copy buttons. Where the clipboard is closed (plain http beyond this machine), the text is selected instead.
const say = (text) => { const live = document.getElementById("live"); if (live) live.textContent = text; };
all("[data-copy]").forEach((button) => {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  on("click", async () => {
    let done = true;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
    } catch {
      if (source.select) source.select(); else getSelection().selectAllChildren(source);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    say(done ? "Copied to the clipboard." : "Selected. Press Control C to copy.");
    setTimeout(() => { button.textContent = label; }, 2500);
  }, button);
});
// A value does not outlive its page: Back must not bring it back.
on("pagehide", () => all("[data-secret]").forEach((secret) => secret.remove()), window);

// The first call of a new value shows by itself, wherever the page waits for it: asked every 3 s for a while, only while
// the page is looked at.
new Set([...all("[data-first-call]")].map((it) => it.dataset.firstCall)).forEach((path) => {
  let asks = 200;
  const ask = async () => {
    if (!document.hidden) {
      asks -= 1;
      const answer = await fetch(path, { redirect: "error" }).then((it) => it.json()).catch(() => ({}));
      if (answer.used) return all(`[data-first-call="${path}"]`).forEach((it) => {
        it.textContent = it.dataset.then || `First call received${answer.ip ? ` from ${answer.ip}` : ""}`;
        it.classList.add("done");
      });
    }
    if (asks > 0) setTimeout(ask, 3000);
  };
  setTimeout(ask, 3000);
});

// A field that only one choice needs shows with that choice.
all("[data-with]").forEach((part) => {
  const choice = document.getElementById(part.dataset.with);
  const match = () => { part.hidden = choice.value !== part.dataset.value; };
  on("change", match, choice);
  match();
});

// What the page before left to say is announced too: a live region speaks only when it changes.
const flash = document.querySelector(".flash");
if (flash) setTimeout(() => say(flash.textContent.trim()), 150);

// The browser knows the names of time zones.
const zones = document.getElementById("zones");
if (zones && Intl.supportedValuesOf) zones.append(...["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => new Option(zone)));
