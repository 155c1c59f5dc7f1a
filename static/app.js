// Progressive enhancement. Every page works without this file.
"use strict";
const all = (selector, root = document) => root.querySelectorAll(selector);
const on = (type, listener, target = document) => target.addEventListener(type, listener);

// Keeps relative times fresh. `TimeFormat::relative` and `TimeView::relative` have the same rules.
const units = [["year", 31536e3], ["month", 2592e3], ["day", 86400], ["hour", 3600], ["minute", 60]];
const distance = new Intl.RelativeTimeFormat("en");
const relative = (at, isRough) => {
  const offset = at - Date.now();
  const seconds = Math.floor(Math.abs(offset) / 1000);
  if (isRough && (offset > 0 || seconds < 3600)) return "within the last hour";
  const [unit, size] = units.find(([, size]) => seconds >= size) || [];
  const text = unit ? distance.format(Math.sign(offset) * Math.round(seconds / size), unit) : offset > 0 ? "in a moment" : "just now";
  return isRough ? `about ${text}` : text;
};
const updateTimes = () => all("time > i").forEach((it) => {
  const time = it.parentElement;
  const text = relative(new Date(time.dateTime), "rough" in time.dataset);
  if (it.textContent !== text) it.textContent = text;
  const rest = time.querySelector("span");
  if (rest) time.title = rest.textContent;
});
updateTimes();
setInterval(updateTimes, 30000);

// The browser's time zone, for accounts that want times in it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && document.querySelector("[data-browser-zone]") && !document.cookie.split("; ").includes(`time_zone=${zone}`)) {
  document.cookie = `time_zone=${zone}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
}

// A link to a confirmation page opens its dialog.
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
  // A click elsewhere closes the workspace switcher.
  all("details.switch[open]").forEach((open) => open.contains(event.target) || (open.open = false));
});
on("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details.switch[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// A button that shows a password. The browser must not remember it as a text, so it is hidden again before it is sent.
all("input[type=password]").forEach((input) => {
  const button = document.createElement("button");
  const show = (isShown) => {
    input.type = isShown ? "text" : "password";
    button.textContent = isShown ? "Hide password" : "Show password";
  };
  Object.assign(button, { type: "button", className: "show-password" });
  button.setAttribute("aria-controls", input.id);
  show(false);
  on("click", () => show(input.type === "password"), button);
  on("submit", () => show(false), input.form);
  input.after(button);
});

// The switcher also closes when the focus leaves it. A click on the page itself has no new focus, and closes it above.
on("focusout", (event) => {
  const open = event.target.closest("details.switch[open]");
  if (open && event.relatedTarget && !open.contains(event.relatedTarget)) open.open = false;
});

// The palette, and the filter of the switcher: their script is loaded when it is needed.
const side = document.querySelector("[data-palette]");
const withPalette = (then) => import(side.dataset.palette).then(then);
if (side) {
  if (/Mac|iP/.test(navigator.platform)) all("kbd", side).forEach((key) => { key.textContent = "⌘K"; });
  on("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      withPalette((it) => it.open());
    }
  });
  on("focusin", (event) => {
    const field = event.target.closest("[data-filter]:not([data-ready])");
    if (field) withPalette((it) => it.filter(field), field.dataset.ready = "yes");
  });
  on("click", (event) => {
    if (event.target.closest("[data-go]") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      withPalette((it) => it.open());
    }
  });
}

// A form is submitted once.
on("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "yes";
  all("button", form).forEach((button) => button.setAttribute("aria-disabled", "true"));
});

// A page in the back/forward cache can outlive its session: it is hidden there, and requested again by GET. reload() would
// submit a form again; a fragment would only scroll.
on("pagehide", (event) => { document.documentElement.hidden = event.persisted; }, window);
on("pageshow", (event) => { if (event.persisted) location.replace(location.pathname + location.search); }, window);

// Copy buttons. Without access to the clipboard, they select the text.
const announce = (text) => { const live = document.getElementById("live"); if (live) live.textContent = text; };
all("[data-copy]").forEach((button) => {
  const source = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  on("click", async () => {
    let isCopied = true;
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
    } catch {
      if (source.select) source.select(); else getSelection().selectAllChildren(source);
      isCopied = document.execCommand("copy");
    }
    button.textContent = isCopied ? "Copied" : "Press Ctrl+C";
    if (isCopied) source.dispatchEvent(new Event("copied", { bubbles: true }));
    announce(isCopied ? "Copied to the clipboard." : "Selected. Press Control C to copy.");
    setTimeout(() => { button.textContent = label; }, 2500);
  }, button);
});
// The back button must not show a secret again.
on("pagehide", () => all("[data-secret]").forEach((secret) => secret.remove()), window);

// A field that belongs to one option is visible with that option.
all("[data-with]").forEach((field) => {
  const select = document.getElementById(field.dataset.with);
  const update = () => { field.hidden = select.value !== field.dataset.value; };
  on("change", update, select);
  update();
});

// Screen readers announce a live region only when it changes.
const flash = document.querySelector(".flash");
if (flash) setTimeout(() => announce(flash.textContent.trim()), 150);

// Suggestions for time zone names.
const zones = document.getElementById("zones");
if (zones && Intl.supportedValuesOf) zones.append(...["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => new Option(zone)));
