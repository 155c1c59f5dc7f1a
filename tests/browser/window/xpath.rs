//! `XPath` expressions that find elements as a user does.

/// A link with exactly this text.
pub fn link(text: &str) -> String {
    format!("//a[normalize-space()=\"{text}\"]")
}

/// A button with exactly this text.
pub fn button(text: &str) -> String {
    format!("//button[normalize-space()=\"{text}\"]")
}

/// An element with this `aria-label`.
pub fn labelled(label: &str) -> String {
    format!("//*[@aria-label=\"{label}\"]")
}
