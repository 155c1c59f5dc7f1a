//! `#[db_test]` and `#[plain_test]` register a function as a test of `tests/support/harness.rs`.

use proc_macro::{Delimiter, TokenStream, TokenTree};

/// A test of a database. It runs once on each database: as `…::sqlite` and as `…::postgres`.
///
/// - `#[db_test(sqlite)]`, `#[db_test(postgres)]`: on this database only.
/// - `#[db_test(needs(nginx, caddy))]`: ignored where one of these variants of `Requirement`, in snake case, is missing.
#[proc_macro_attribute]
pub fn db_test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    register(arguments, function, &["sqlite", "postgres"])
}

/// A test that needs no database and runs once. Takes `needs(…)` as [`macro@db_test`] does.
#[proc_macro_attribute]
pub fn plain_test(arguments: TokenStream, function: TokenStream) -> TokenStream {
    register(arguments, function, &[])
}

fn register(arguments: TokenStream, function: TokenStream, backends: &[&str]) -> TokenStream {
    let registration = parse(arguments, backends).and_then(|(backends, needs)| {
        let name = function_name(&function).ok_or("this attribute belongs on a function")?;
        let list = |kind: &str, variants: &[String]| -> String {
            variants.iter().map(|it| format!("crate::support::{kind}::{}, ", camel_case(it))).collect()
        };
        Ok(format!(
            "::inventory::submit! {{ crate::support::harness::TestCase {{ \
                 module: ::core::module_path!(), name: {:?}, run: {name}, backends: &[{}], needs: &[{}] \
             }} }}",
            name.trim_start_matches("r#"),
            list("database::Backend", &backends),
            list("requirement::Requirement", &needs),
        ))
    });
    let registration = registration.unwrap_or_else(|message| format!("::core::compile_error!({message:?});"));
    let mut tokens = function;
    tokens.extend(registration.parse::<TokenStream>().unwrap_or_default());
    tokens
}

/// The backends, of those the attribute allows, and the requirements that the arguments name.
fn parse(arguments: TokenStream, allowed: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
    let (mut backends, mut needs) = (Vec::new(), Vec::new());
    let mut tokens = arguments.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {}
            TokenTree::Ident(ident) if ident.to_string() == "needs" => match tokens.next() {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                    let idents = group.stream().into_iter().filter(|it| matches!(it, TokenTree::Ident(_)));
                    needs.extend(idents.map(|ident| ident.to_string()));
                }
                _ => return Err("expected `needs(…)`".to_owned()),
            },
            TokenTree::Ident(ident) if allowed.contains(&ident.to_string().as_str()) => {
                backends.push(ident.to_string());
            }
            other => return Err(format!("unexpected `{other}`")),
        }
    }
    if backends.is_empty() {
        backends = allowed.iter().map(|&it| it.to_owned()).collect();
    }
    Ok((backends, needs))
}

fn function_name(function: &TokenStream) -> Option<String> {
    let mut tokens = function.clone().into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(ident) if ident.to_string() == "fn"))?;
    Some(tokens.next()?.to_string())
}

fn camel_case(snake_case: &str) -> String {
    let capitalize = |word: &str| word[..1].to_uppercase() + &word[1..];
    snake_case.split('_').filter(|word| !word.is_empty()).map(capitalize).collect()
}
