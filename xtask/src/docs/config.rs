//! Whether the settings that a page shows can be read. Pure.
//! Runs on the developer's machine.
//!
//! What an engine is started with is judged by the engine. This is for the others, whose engines Debian has not: the part
//! of TOML and YAML that the pages use, and nothing else. What is not understood is refused.

use std::collections::BTreeMap;

use serde_json::Value;

/// Settings: a path of names, each with its value.
pub(super) type Settings = BTreeMap<Vec<String>, Value>;

/// Whether it is JSON, or the inside of an object.
pub(super) fn json(text: &str) -> Result<(), String> {
    let whole =
        if text.trim_start().starts_with(['{', '[']) { text.to_owned() } else { format!("{{{text}}}") };
    serde_json::from_str::<Value>(&whole).map(drop).map_err(|error| format!("not JSON: {error}"))
}

/// Reads tables and keys whose values are strings, numbers, booleans or lists of them on one line.
pub(super) fn toml(text: &str) -> Result<Settings, String> {
    let mut table = Vec::new();
    let mut settings = Settings::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = names(name)?;
            continue;
        }
        let (name, value) = line.split_once(" = ").ok_or_else(|| format!("not TOML: {line}"))?;
        let path: Vec<String> = table.iter().cloned().chain(names(name)?).collect();
        let value = scalar(value).ok_or_else(|| format!("not a value of TOML: {value}"))?;
        if settings.insert(path, value).is_some() {
            return Err(format!("said twice: {name}"));
        }
    }
    Ok(settings)
}

/// A literal string between apostrophes, or what JSON and TOML have in common.
fn scalar(text: &str) -> Option<Value> {
    let literal = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    let literal = literal.filter(|text| !text.contains('\'')).map(Value::from);
    literal.or_else(|| serde_json::from_str(text).ok().filter(|value: &Value| !value.is_object()))
}

/// `a."b.c".d` as its parts.
fn names(text: &str) -> Result<Vec<String>, String> {
    let mut names = vec![String::new()];
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '.') => names.push(String::new()),
            (None, letter) if !(letter.is_ascii_alphanumeric() || "_-".contains(letter)) => {
                return Err(format!("not a name of TOML: {text}"));
            }
            (_, letter) => names.last_mut().into_iter().for_each(|name| name.push(letter)),
        }
    }
    let is_whole = quote.is_none() && names.iter().all(|name| !name.is_empty());
    is_whole.then_some(names).ok_or_else(|| format!("not a name of TOML: {text}"))
}

/// Reads objects below each other by two blanks, lists of them, and plain words as values; `---` starts the next document, whose
/// settings are counted from 1 in front.
pub(super) fn yaml(text: &str) -> Result<Settings, String> {
    let mut settings = Settings::new();
    let mut document = 0;
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut items = 0;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        if line == "---" {
            (document, path) = (document + 1, Vec::new());
            continue;
        }
        let mut depth = line.len() - line.trim_start().len();
        let mut rest = line.trim_start();
        let item = rest.strip_prefix("- ");
        // The lines of a list may stand as deep as its name.
        while path.last().is_some_and(|(at, _)| *at > depth || *at == depth && item.is_none()) {
            path.pop();
        }
        if let Some(item) = item {
            path.push((depth + 1, items.to_string()));
            (items, depth, rest) = (items + 1, depth + 2, item);
        }
        let (name, value) = rest.split_once(':').ok_or_else(|| format!("not a line of YAML: {line}"))?;
        if depth % 2 != 0 || name.contains(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            return Err(format!("not a line of YAML: {line}"));
        }
        path.push((depth, name.to_owned()));
        let Some(value) = value.strip_prefix(' ') else { continue };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        let names = std::iter::once(document.to_string()).chain(path.iter().map(|(_, name)| name.clone()));
        if settings.insert(names.collect(), value).is_some() {
            return Err(format!("said twice: {line}"));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at<'a>(settings: &'a Settings, path: &[&str]) -> Option<&'a Value> {
        settings.get(&path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn toml_is_read_with_quoted_names_and_literal_strings() {
        let text = "version = 2\n[plugins.'a.b'.\"c.d\".e]\n  name = 'x\\y' \n list = [\"a\", \"b\"]\n";
        let settings = toml(text).unwrap();
        assert_eq!(at(&settings, &["version"]), Some(&json!(2)));
        assert_eq!(at(&settings, &["plugins", "a.b", "c.d", "e", "name"]), Some(&json!("x\\y")));
        assert_eq!(at(&settings, &["plugins", "a.b", "c.d", "e", "list"]), Some(&json!(["a", "b"])));
        for wrong in ["a = b", "a=1", "[a", "[a.]\n", "a = 1\na = 2", "a = {\"b\": 1}", "a = 'b'c'"] {
            assert!(toml(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn yaml_is_read_with_lists_and_documents() {
        let settings =
            yaml("kind: Pod\nspec:\n  items:\n  - name: a\n    on: true\n---\nkind: b c\n").unwrap();
        assert_eq!(at(&settings, &["0", "kind"]), Some(&json!("Pod")));
        assert_eq!(at(&settings, &["0", "spec", "items", "0", "name"]), Some(&json!("a")));
        assert_eq!(at(&settings, &["0", "spec", "items", "0", "on"]), Some(&json!(true)));
        assert_eq!(at(&settings, &["1", "kind"]), Some(&json!("b c")));
        for wrong in ["a", "a: b\na: c", " a: b", "a b: c"] {
            assert!(yaml(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn json_may_be_the_inside_of_an_object() {
        assert_eq!(json("\"a\": 1"), Ok(()));
        assert!(json("{\"a\": }").is_err());
    }
}
