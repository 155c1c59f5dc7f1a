// The pages of a member's own tokens. Every page works without this file.
"use strict";
const completeStep = (step) => {
  step.classList.add("done");
  step.querySelector(".hidden").textContent = "Done: ";
};

// Polls for the first call of a new value while the page is visible.
new Set([...all("[data-first-call]")].map((it) => it.dataset.firstCall)).forEach((path) => {
  let attempts = 200;
  const poll = async () => {
    if (!document.hidden) {
      attempts -= 1;
      const status = await fetch(path, { redirect: "error" }).then((it) => it.json()).catch(() => ({}));
      if (status.current === false) {
        const heading = document.getElementById("reveal");
        if (heading) heading.textContent = "This value has already been replaced";
        all("[data-secret]").forEach((it) => it.remove());
        return all(`[data-first-call="${path}"]`).forEach((it) => { it.textContent = "Value replaced"; });
      }
      if (status.used) {
        const client = (status.ip ? ` from ${status.ip}` : "") + (status.program ? ` with ${status.program}` : "");
        all(`[data-first-call="${path}"]`).forEach((it) => {
          it.textContent = it.dataset.then || `It works: first call${client}`;
          it.classList.add("done");
        });
        all(`[data-called="${path}"]`).forEach(completeStep);
        if (status.ready) all(`[data-ready="${path}"]`).forEach((it) => it.classList.add("primary"));
        return document.dispatchEvent(new Event("called"));
      }
    }
    if (attempts > 0) setTimeout(poll, 3000);
  };
  setTimeout(poll, 3000);
});

// The page that shows a new value asks before it is left without a copy, and Back leads from the next page to the list.
const secret = document.querySelector("[data-secret][data-list]");
if (secret) {
  const dialog = document.getElementById("leave");
  let needsCopy = true;
  const asks = () => needsCopy && document.getElementById("value");

  // The entry in the history is a POST, which a browser would submit again. With the query, a link to the list adds an entry.
  history.replaceState(null, "", `${secret.dataset.list}?from=reveal`);
  sessionStorage.setItem("list", secret.dataset.list);

  const markSaved = () => {
    needsCopy = false;
    all("[data-saved]").forEach(completeStep);
  };
  const noteCopy = (text) => text.includes(document.getElementById("value")?.value) && markSaved();
  on("copied", (event) => noteCopy(event.target.value ?? event.target.textContent));
  on("copy", (event) => noteCopy(event.target.value ?? String(getSelection())));
  // A program has the value.
  on("called", markSaved);

  // Links on the page ask in a dialog, everything else through the browser. Either asks once.
  on("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!asks() || event.defaultPrevented || !link || link.closest("dialog") || link.getAttribute("href").startsWith("#")) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    needsCopy = false;
    dialog.querySelector("a").href = link.href;
    dialog.showModal();
  });
  on("beforeunload", (event) => {
    if (!asks()) return;
    needsCopy = false;
    event.preventDefault();
    // A form of the page can be submitted again if the user stays.
    setTimeout(() => all("form[data-sent]").forEach((form) => {
      delete form.dataset.sent;
      all("button", form).forEach((button) => button.removeAttribute("aria-disabled"));
    }));
  }, window);
}

// The forms whose response shows a new value. Back from that response leads past the form to the list. A form that was refused
// is a POST in the history, which Back would submit again, so submitting it replaces that entry by its page.
const valueForms = all("form[data-page]");
if (valueForms.length) {
  const skip = () => {
    const list = sessionStorage.getItem("list");
    if (!list) return;
    document.documentElement.hidden = true;
    location.replace(list);
  };
  if (performance.getEntriesByType("navigation")[0]?.type === "back_forward") skip();
  else sessionStorage.removeItem("list");
  on("pageshow", (event) => event.persisted && skip(), window);
  valueForms.forEach((form) => on("submit", () => history.replaceState(null, "", form.dataset.page), form));
}

// The expiry that a form's choice gives.
const preview = document.getElementById("expiry-preview");
if (preview) {
  const select = document.getElementById("expiry");
  const day = document.getElementById("expires_on");
  const endOfDay = () => {
    if (!day.value || day.value < day.min) return "";
    const [weekday, date, month, year] = new Date(`${day.value}T00:00:00Z`).toUTCString().split(/[ ,]+/);
    const styles = { month_first: `${month} ${Number(date)}, ${year}`, year_first: day.value };
    return `Expires ${weekday} ${styles[preview.dataset.style] ?? `${Number(date)} ${month} ${year}`}, ${preview.dataset.end}`;
  };
  const update = () => {
    preview.textContent = select.value === "date" ? endOfDay() : select.selectedOptions[0].dataset.preview;
    preview.hidden = preview.textContent === "";
    preview.classList.toggle("soon", select.value === "never");
  };
  on("change", update, select);
  on("input", update, day);
  update();
}
