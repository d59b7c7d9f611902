//! A plan for people and for programs: what will happen, in the order in which it happens.
//! Runs in: the parent; pure.

mod inside;
mod outside;
mod words;

use std::fmt::{Display, Write};

use serde_json::json;

use crate::plan::Plan;

/// Whether a line says all, or what it says depends on what is found: whether a path exists, and where it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Now,
    WhenDone,
}

struct Section {
    title: &'static str,
    lines: Vec<Line>,
}

struct Line {
    what: &'static str,
    value: String,
    known: Known,
}

impl Section {
    fn new(title: &'static str) -> Self {
        Section { title, lines: Vec::new() }
    }

    fn line(&mut self, what: &'static str, value: impl Display, known: Known) {
        self.lines.push(Line { what, value: value.to_string(), known });
    }
}

impl Plan<'_> {
    /// The plan for a person: a line for each thing that is done, `*` at what is found out only then.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        for Section { title, lines } in self.sections() {
            writeln!(text, "{title}").ok();
            for Line { what, value, known } in lines {
                let mark = if known == Known::WhenDone { " *" } else { "" };
                writeln!(text, "  {what}: {value}{mark}").ok();
            }
        }
        for warning in &self.warnings {
            writeln!(text, "warning: {warning}").ok();
        }
        text.push_str("* depends on what is found when it is done\n");
        text
    }

    /// The same for a program: `{"sections":[{"title","lines":[{"what","value","known"}]}],"warnings":[]}`, where `known` is
    /// `false` for what is found out only when it is done.
    pub fn explain_json(&self) -> String {
        let line =
            |line: &Line| json!({"what": line.what, "value": line.value, "known": line.known == Known::Now});
        let section = |section: Section| {
            let lines: Vec<_> = section.lines.iter().map(line).collect();
            json!({"title": section.title, "lines": lines})
        };
        let sections: Vec<_> = self.sections().into_iter().map(section).collect();
        json!({"sections": sections, "warnings": self.warnings}).to_string()
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections = vec![
            outside::start(self),
            outside::entry(self),
            inside::file_system(self),
            outside::parent_while_init_works(self),
            inside::switched(self),
            inside::process(self),
            outside::parent_afterwards(self),
        ];
        sections.retain(|section| !section.lines.is_empty());
        sections
    }
}
