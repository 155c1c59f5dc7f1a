//! HTML as a browser parses it.

use scraper::{ElementRef, Html, Selector};

/// A parsed page.
pub struct Page {
    document: Html,
}

impl Page {
    pub fn parse(html: &str) -> Self {
        Self { document: Html::parse_document(html) }
    }

    pub fn title(&self) -> String {
        self.element("title").text().collect()
    }

    /// The visible text with single spaces. A time is its absolute form only.
    pub fn text(&self) -> String {
        let body = self.document.select(&selector("body")).next();
        let title = self.document.select(&selector("title")).next();
        [title, body].into_iter().flatten().map(text).collect::<Vec<_>>().join(" ")
    }

    /// Whether an element matches.
    pub fn has(&self, css: &str) -> bool {
        self.document.select(&selector(css)).next().is_some()
    }

    /// The text of the first element that matches.
    pub fn text_of(&self, css: &str) -> String {
        text(self.element(css))
    }

    /// The text of the first element that matches, if there is one.
    pub fn find_text(&self, css: &str) -> Option<String> {
        self.document.select(&selector(css)).next().map(text)
    }

    /// The text of each element that matches, in document order.
    pub fn texts(&self, css: &str) -> Vec<String> {
        self.document.select(&selector(css)).map(text).collect()
    }

    /// All times, each with its whole text.
    pub fn times(&self) -> Vec<String> {
        let whole = |time: ElementRef<'_>| {
            let text: String = time.text().collect();
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        self.document.select(&selector("time")).map(whole).collect()
    }

    /// An attribute of the first element that matches.
    pub fn attribute(&self, css: &str, name: &str) -> String {
        let value = self.element(css).attr(name);
        value.unwrap_or_else(|| panic!("{css} has no {name}: {}", self.document.html())).to_owned()
    }

    /// An attribute of each element that matches and has it.
    pub fn attributes(&self, css: &str, name: &str) -> Vec<String> {
        self.document.select(&selector(css)).filter_map(|it| it.attr(name)).map(str::to_owned).collect()
    }

    /// Where the link with this accessible name leads.
    pub fn link_labeled(&self, label: &str) -> String {
        self.link_where(|it| it == label).unwrap_or_else(|| panic!("no link {label}: {}", self.document.html()))
    }

    /// Where the link leads whose accessible name is of this kind.
    pub fn link_where(&self, is_label: impl Fn(&str) -> bool) -> Option<String> {
        let links = selector("a[href][aria-label]");
        let mut links = self.document.select(&links);
        links.find(|link| link.attr("aria-label").is_some_and(&is_label))?.attr("href").map(str::to_owned)
    }

    /// The visible texts of the body with this name outside `<bdi>`.
    pub fn texts_without_isolation(&self, name: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for node in self.element("body").descendants() {
            let is_isolated = || node.ancestors().filter_map(ElementRef::wrap).any(|it| it.value().name() == "bdi");
            if let Some(text) = node.value().as_text().filter(|text| text.contains(name) && !is_isolated()) {
                texts.push(text.to_string());
            }
        }
        texts
    }

    fn element(&self, css: &str) -> ElementRef<'_> {
        let found = self.document.select(&selector(css)).next();
        found.unwrap_or_else(|| panic!("nothing matches {css}: {}", self.document.html()))
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap_or_else(|error| panic!("{css}: {error}"))
}

fn text(element: ElementRef<'_>) -> String {
    let mut all = String::new();
    collect_text(element, &mut all);
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Elements separate words, except `<bdi>`, which only isolates the direction of a name.
fn collect_text(element: ElementRef<'_>, all: &mut String) {
    if element.value().name() == "time" {
        all.extend([" ", &absolute(element), " "]);
        return;
    }
    for child in element.children() {
        if let Some(text) = child.value().as_text() {
            all.push_str(text);
        } else if let Some(element) = ElementRef::wrap(child) {
            let separator = if element.value().name() == "bdi" { "" } else { " " };
            all.push_str(separator);
            collect_text(element, all);
            all.push_str(separator);
        }
    }
}

/// The absolute form of a `<time>`, as `templates/macros/times.html` writes it.
fn absolute(time: ElementRef<'_>) -> String {
    let own: String = time.children().filter_map(|child| child.value().as_text().map(|text| &**text)).collect();
    let own = own.trim_matches(|c: char| c.is_whitespace() || "()·".contains(c));
    if own.is_empty() { time.select(&selector("span")).flat_map(|span| span.text()).collect() } else { own.to_owned() }
}
