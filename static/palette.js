// The palette (Ctrl+K) and the filter of the switcher. app.js loads this file when it is needed. Both search the page of all
// workspaces; the palette also has the menu of the current page and, for administrators, the page of members.

const WAIT = 120;
const links = async (url, selector) => {
  const text = await fetch(url, { redirect: "error" }).then((it) => (it.ok ? it.text() : ""));
  return [...new DOMParser().parseFromString(text, "text/html").querySelectorAll(selector)];
};
const workspaces = (query) => links(`/workspaces?q=${encodeURIComponent(query)}`, "a[data-found]");
const make = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
const isUuid = (path) => /\/members\/[0-9a-f]{8}-[0-9a-f-]{27}$/.test(path);

// Calls `search` with what was typed last, after a pause, and `show` with its result unless more was typed since.
const searcher = (search, show) => {
  let latest = 0;
  let timer;
  return (query, wait = WAIT) => {
    const mine = ++latest;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const result = await search(query).catch(() => []);
      if (mine === latest) show(result);
    }, wait);
  };
};

const menu = (query) => {
  const words = query.toLocaleLowerCase().split(/\s+/);
  return [...document.querySelectorAll(".side > a[href], .side .menu a, .side .foot a")].filter((it) => {
    const label = `${it.title} ${it.textContent}`.toLocaleLowerCase();
    return !it.dataset.go && words.every((word) => label.includes(word));
  });
};
const findAll = async (query) => {
  const members = document.querySelector('.side .menu a[href$="/settings/members"]')?.getAttribute("href");
  const none = Promise.resolve([]);
  const [found, people] = await Promise.all([
    workspaces(query).catch(() => []),
    members && query ? links(`${members}?q=${encodeURIComponent(query)}`, `main a[href^="${members}/"]`).catch(() => []) : none,
  ]);
  const label = (it) => it.getAttribute("aria-label")?.replace(/^Manage /, "") || it.textContent.trim();
  const matches = (it) => label(it).toLocaleLowerCase().includes(query.toLocaleLowerCase().trim());
  return [
    ["Pages", menu(query).map((it) => [it.title || it.textContent.trim(), it.getAttribute("href")])],
    ["Workspaces", found.slice(0, 8).map((it) => [it.textContent.trim(), it.getAttribute("href")])],
    ["Members", people.filter((it) => isUuid(it.getAttribute("href")) && (it.querySelector("bdi") || matches(it))).slice(0, 8).map((it) => [label(it), it.getAttribute("href")])],
  ].filter(([, items]) => items.length);
};

let dialog;
const build = () => {
  const input = make("input", { type: "text", autocomplete: "off", spellcheck: false, maxLength: 64, placeholder: "Page, workspace or member" });
  const list = make("div", { id: "palette-list" });
  const status = make("p", { className: "hint" });
  for (const [name, value] of [["role", "combobox"], ["aria-label", "Go to a page, a workspace or a member"], ["aria-autocomplete", "list"], ["aria-controls", "palette-list"], ["aria-expanded", "false"]]) {
    input.setAttribute(name, value);
  }
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Results");
  status.setAttribute("role", "status");
  dialog = make("dialog", { className: "palette" }, input, list, status);
  dialog.setAttribute("aria-label", "Go to");
  document.body.append(dialog);

  // The path that an arrow key has selected since the last input. Results that arrive later keep the selection.
  let selected;
  const options = () => [...list.querySelectorAll("[role=option]")];
  const select = (option) => {
    options().forEach((it) => it.setAttribute("aria-selected", String(it === option)));
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };
  const search = searcher(findAll, (groups) => {
    let count = 0;
    list.replaceChildren(...groups.map(([title, items], nth) => {
      const head = make("div", { id: `palette-group-${nth}`, className: "label", textContent: title });
      const group = make("div", {}, head, ...items.map(([label, path]) => {
        const option = make("a", { id: `palette-${count++}`, href: path, tabIndex: -1 }, make("bdi", { textContent: label }));
        option.setAttribute("role", "option");
        return option;
      }));
      head.setAttribute("role", "presentation");
      group.setAttribute("role", "group");
      group.setAttribute("aria-labelledby", head.id);
      return group;
    }));
    list.hidden = !count;
    input.setAttribute("aria-expanded", String(count > 0));
    status.textContent = count === 1 ? "1 result" : count ? `${count} results` : "Nothing found.";
    select(options().find((it) => it.getAttribute("href") === selected) ?? options()[0]);
  });
  input.addEventListener("input", () => {
    selected = undefined;
    search(input.value.trim());
  });
  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((it) => it.getAttribute("aria-selected") === "true");
    const target = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length }[event.key];
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      all[at]?.click();
    } else if (target !== undefined && all.length) {
      event.preventDefault();
      select(all[target]);
      selected = all[target].getAttribute("href");
    }
  });
  // A click outside the content hits the dialog itself.
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.start = () => {
    input.value = "";
    selected = undefined;
    list.hidden = true;
    dialog.showModal();
    input.focus();
    search("", 0);
  };
};

export const open = () => {
  if (!dialog) build();
  if (dialog.open) return dialog.close();
  if (!document.querySelector("dialog[open]")) dialog.start();
};

// The filter of the switcher replaces its links by those that match.
export const filter = (field) => {
  const list = document.getElementById(field.dataset.filter);
  const before = [...list.children];
  const search = searcher(workspaces, (found) => {
    const items = found.slice(0, 10).map((it) => {
      const name = it.textContent.trim();
      const copy = make("a", { href: it.getAttribute("href") }, make("span", { className: "initial", textContent: [...name][0], ariaHidden: "true" }), make("bdi", { textContent: name }));
      copy.dataset.kind = it.dataset.kind;
      return copy;
    });
    list.replaceChildren(...(field.value.trim() ? items : before));
  });
  field.addEventListener("input", () => search(field.value.trim()));
};
