//! A plan for people and for programs: what will happen, in the order in which it happens.
//! Runs in: the parent; pure.

mod difference;
mod inside;
mod outside;
mod reasons;
mod risks;
mod words;

pub use risks::Risk;

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

    /// The same with the reason of each step below its lines, and at the end what weakens isolation.
    pub fn explain_whole(&self) -> String {
        let mut text = String::new();
        for Section { title, lines } in self.sections() {
            writeln!(text, "{title}").ok();
            for (place, Line { what, value, known }) in lines.iter().enumerate() {
                let mark = if *known == Known::WhenDone { " *" } else { "" };
                writeln!(text, "  {what}: {value}{mark}").ok();
                let step = reasons::step(title, what);
                let next = lines.get(place + 1).and_then(|line| reasons::step(title, line.what));
                if let Some(step) = step.filter(|step| next != Some(*step)) {
                    writeln!(text, "      {}: {}", step.name(), step.why()).ok();
                }
            }
        }
        for warning in &self.warnings {
            writeln!(text, "warning: {warning}").ok();
        }
        let risks = self.risks();
        if !risks.is_empty() {
            writeln!(text, "weakens isolation").ok();
        }
        for Risk { what, path, risk } in &risks {
            writeln!(text, "  ! {what}: {risk} ({path})").ok();
        }
        text.push_str("* depends on what is found when it is done\n");
        text
    }

    /// The same for a program: `{"sections":[{"title","lines":[{"what","value","known","step","why"}]}],"warnings":[],
    /// "risks":[{"what","path","risk"}]}`, where `known` is `false` for what is found out only when it is done, and `step` and
    /// `why` are null for a fact that is no step.
    pub fn explain_json(&self) -> String {
        let line = |title: &str, line: &Line| {
            let step = reasons::step(title, line.what);
            json!({
                "what": line.what, "value": line.value, "known": line.known == Known::Now,
                "step": step.map(brig_handshake::Step::name), "why": step.map(brig_handshake::Step::why),
            })
        };
        let section = |section: Section| {
            let lines: Vec<_> = section.lines.iter().map(|it| line(section.title, it)).collect();
            json!({"title": section.title, "lines": lines})
        };
        let sections: Vec<_> = self.sections().into_iter().map(section).collect();
        let risk = |Risk { what, path, risk }: Risk| json!({"what": what, "path": path, "risk": risk});
        let risks: Vec<_> = self.risks().into_iter().map(risk).collect();
        json!({"sections": sections, "warnings": self.warnings, "risks": risks}).to_string()
    }

    /// What weakens isolation, the worst of each kind first.
    pub fn risks(&self) -> Vec<Risk> {
        risks::of(self)
    }

    /// What this plan does and `other` does not (`-`), and the other way round (`+`), by what is done and not by the texts from
    /// which it was planned. Bundle and id are left out.
    pub fn explain_against(&self, other: &Plan<'_>) -> String {
        difference::text(self, other)
    }

    /// The same for a program: `{"removed":[{"section","what","value"}],"added":[…]}`.
    pub fn explain_against_json(&self, other: &Plan<'_>) -> String {
        difference::json(self, other).to_string()
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
