// Lists with tick boxes. Every page works without this file.
"use strict";
// One tick box selects the rows of the page, and the question about the selected rows is a dialog.
all("[data-select-all]").forEach((every) => {
  const boxes = [...all("tbody input[type=checkbox]", every.closest("table"))];
  const update = () => {
    const count = boxes.filter((box) => box.checked).length;
    every.checked = count === boxes.length;
    every.indeterminate = count > 0 && !every.checked;
  };
  every.hidden = false;
  on("change", () => { boxes.forEach((box) => { box.checked = every.checked; }); announce(`${every.checked ? boxes.length : 0} selected.`); }, every);
  boxes.forEach((box) => on("change", update, box));
  on("pageshow", update, window);
});
all("form[data-ask]").forEach((form) => on("submit", async (event) => {
  event.preventDefault();
  event.stopPropagation();
  const path = `${form.action}?${new URLSearchParams(new FormData(form))}`;
  const page = await fetch(path, { redirect: "error" }).then((it) => (it.ok ? it.text() : "")).catch(() => "");
  const question = new DOMParser().parseFromString(page, "text/html").querySelector("section.ask");
  if (!question) return location.assign(path);
  const dialog = document.createElement("dialog");
  const heading = document.createElement("h2");
  const title = question.querySelector("h1");
  heading.id = "ask-heading";
  heading.textContent = title.textContent;
  title.replaceWith(heading);
  question.querySelector("a.button")?.setAttribute("data-close", "");
  dialog.className = "ask";
  dialog.setAttribute("aria-labelledby", heading.id);
  dialog.append(...question.childNodes);
  form.after(dialog);
  on("close", () => dialog.remove(), dialog);
  dialog.showModal();
  updateTimes();
}, form));
