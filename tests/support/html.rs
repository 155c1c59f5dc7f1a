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

    /// The visible text with single spaces.
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

    fn element(&self, css: &str) -> ElementRef<'_> {
        let found = self.document.select(&selector(css)).next();
        found.unwrap_or_else(|| panic!("nothing matches {css}: {}", self.document.html()))
    }
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).unwrap_or_else(|error| panic!("{css}: {error}"))
}

fn text(element: ElementRef<'_>) -> String {
    let text: Vec<&str> = element.text().flat_map(str::split_whitespace).collect();
    text.join(" ")
}
