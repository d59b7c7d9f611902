//! Two plans side by side: what one does and the other does not, wherever their texts differ.
//! Runs in: the parent; pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::risks::Risk;
use crate::plan::Plan;

/// One thing that only one of them does.
struct Only {
    title: &'static str,
    what: String,
    value: String,
}

/// For a person: `-` before what only `plan` does, `+` before what only `other` does, in the order of the plan.
pub(super) fn text(plan: &Plan<'_>, other: &Plan<'_>) -> String {
    let (here, there) = sides(plan, other);
    let titles = titles(&here, &there);
    let mut text = String::new();
    for title in titles {
        // Writing to a String does not fail.
        writeln!(text, "{title}").ok();
        for (sign, side) in [('-', &here), ('+', &there)] {
            for Only { what, value, .. } in side.iter().filter(|only| only.title == title) {
                writeln!(text, "{sign} {what}: {value}").ok();
            }
        }
    }
    if text.is_empty() { "no difference\n".to_owned() } else { text }
}

/// For a program: `{"removed": [{"section", "what", "value"}], "added": […]}`.
pub(super) fn json(plan: &Plan<'_>, other: &Plan<'_>) -> Value {
    let (here, there) = sides(plan, other);
    let side = |side: Vec<Only>| -> Vec<Value> {
        side.into_iter()
            .map(|only| json!({"section": only.title, "what": only.what, "value": only.value}))
            .collect()
    };
    json!({"removed": side(here), "added": side(there)})
}

const RISKS: &str = "weakens isolation";

fn sides(plan: &Plan<'_>, other: &Plan<'_>) -> (Vec<Only>, Vec<Only>) {
    let (here, there) = (all(plan), all(other));
    (without(&here, &there), without(&there, &here))
}

fn all(plan: &Plan<'_>) -> Vec<Only> {
    let lines = plan.sections().into_iter().flat_map(|section| {
        let title = section.title;
        section.lines.into_iter().map(move |line| Only {
            title,
            what: line.what.to_owned(),
            value: line.value,
        })
    });
    // Where a bundle is differs always, and is no part of what is done.
    let lines = lines.filter(|only| !matches!(&*only.what, "bundle" | "container"));
    let risks = plan.risks().into_iter().map(|Risk { what, path, risk }| Only {
        title: RISKS,
        what,
        value: format!("{risk} ({path})"),
    });
    lines.chain(risks).collect()
}

/// Each counts as often as it is there.
fn without(one: &[Only], other: &[Only]) -> Vec<Only> {
    let mut left: Vec<&Only> = other.iter().collect();
    let mut only = Vec::new();
    for Only { title, what, value } in one {
        let same = left.iter().position(|it| it.title == *title && it.what == *what && it.value == *value);
        match same {
            Some(place) => drop(left.remove(place)),
            None => only.push(Only { title, what: what.clone(), value: value.clone() }),
        }
    }
    only
}

fn titles(here: &[Only], there: &[Only]) -> Vec<&'static str> {
    let mut titles = Vec::new();
    for only in here.iter().chain(there) {
        if !titles.contains(&only.title) {
            titles.push(only.title);
        }
    }
    titles
}
