//! What the process inside found, as a person reads it. Runs in: parent.

use std::{env, fmt::Write as _};

use super::{
    inside::{Finding, Line},
    walls,
};

/// What came back from inside.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Findings {
    /// When the process said its first word.
    pub(crate) began: Option<u64>,
    /// One for each wall, in their order.
    pub(crate) walls: Vec<Finding>,
}

impl Findings {
    /// Reads the lines. A wall that nothing is said about does not stand.
    pub(crate) fn read(text: &str) -> Self {
        let mut findings = Self { began: None, walls: Vec::new() };
        let mut ended = false;
        let mut other = None;
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(Line::Began(at)) => findings.began = Some(at),
                Ok(Line::Wall(finding)) => findings.walls.push(finding),
                Ok(Line::Ended) => ended = true,
                Err(_) => other = other.or(Some(line)),
            }
        }
        if !ended {
            let wall = walls::ALL.get(findings.walls.len()).map_or("end", |wall| wall.name).to_owned();
            let words = other.map_or("the process inside ended here", |line| line);
            findings.walls.push(Finding { wall, found: Err(words.to_owned()) });
        }
        findings
    }

    /// How many do not stand.
    pub(crate) fn fallen(&self) -> usize {
        self.walls.iter().filter(|finding| finding.found.is_err()).count()
    }

    /// One line for each wall, and one for all.
    pub(crate) fn words(&self, marks: &Marks) -> String {
        let width = self.walls.iter().map(|finding| finding.wall.len()).max().unwrap_or(0);
        let mut text = String::new();
        for Finding { wall, found } in &self.walls {
            let (mark, words) = match found {
                Ok(words) => (marks.stands, words),
                Err(words) => (marks.fallen, words),
            };
            // Writing to a String does not fail.
            writeln!(text, "  {mark} {wall:width$}  {words}").ok();
        }
        text
    }

    /// How it went with all of them.
    pub(crate) fn sum(&self) -> String {
        match (self.fallen(), self.walls.len()) {
            (0, all) => format!("all {all} walls stand"),
            (1, all) => format!("1 of {all} walls does not stand"),
            (fallen, all) => format!("{fallen} of {all} walls do not stand"),
        }
    }
}

/// How a wall is marked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    stands: &'static str,
    fallen: &'static str,
}

const SIGNS: Marks = Marks { stands: "\u{2713}", fallen: "\u{2717}" };
const WORDS: Marks = Marks { stands: "ok  ", fallen: "FAIL" };

impl Marks {
    /// Those that the caller's locale can show.
    pub(crate) fn of_locale() -> Self {
        // locale(7): the first of them that is set.
        let names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
        let locale = names.filter_map(|name| env::var(name).ok()).find(|value| !value.is_empty());
        Self::of(&locale.unwrap_or_default())
    }

    fn of(locale: &str) -> Self {
        let codeset = locale.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
        if codeset.starts_with("UTF-8") || codeset.starts_with("UTF8") { SIGNS } else { WORDS }
    }
}

/// Nanoseconds as milliseconds: `4.2 ms`.
pub(crate) fn milliseconds(nanoseconds: u64) -> String {
    let tenths = nanoseconds / 100_000;
    format!("{}.{} ms", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &Line) -> String {
        serde_json::to_string(line).unwrap() + "\n"
    }

    fn wall(found: Result<String, String>) -> String {
        line(&Line::Wall(Finding { wall: "files".to_owned(), found }))
    }

    #[test]
    fn each_wall_is_a_line_with_a_mark() {
        let text =
            [line(&Line::Began(5)), wall(Ok("a".to_owned())), wall(Err("b".to_owned())), line(&Line::Ended)];
        let findings = Findings::read(&text.concat());
        assert_eq!((findings.began, findings.fallen()), (Some(5), 1));
        assert_eq!(findings.words(&WORDS), "  ok   files  a\n  FAIL files  b\n");
        assert_eq!(findings.words(&SIGNS), "  \u{2713} files  a\n  \u{2717} files  b\n");
        assert_eq!(findings.sum(), "1 of 2 walls does not stand");
    }

    #[test]
    fn silence_is_no_wall() {
        assert_eq!(Findings::read("").fallen(), 1);
        let findings = Findings::read(&(wall(Ok("a".to_owned())) + "thread panicked\n"));
        assert_eq!(findings.walls[1].found, Err("thread panicked".to_owned()));
        assert_eq!(findings.walls[1].wall, walls::ALL[1].name);
    }

    #[test]
    fn signs_are_for_utf8_alone() {
        assert_eq!(Marks::of("de_DE.UTF-8"), SIGNS);
        assert_eq!(Marks::of("C.utf8"), SIGNS);
        assert_eq!(Marks::of("C"), WORDS);
        assert_eq!(Marks::of(""), WORDS);
    }

    #[test]
    fn milliseconds_have_one_decimal() {
        assert_eq!(milliseconds(4_260_000), "4.2 ms");
        assert_eq!(milliseconds(99_999), "0.0 ms");
    }
}
