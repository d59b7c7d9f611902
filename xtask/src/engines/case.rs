//! Cases: how they are written down, and whether two runs of one are alike.
//! Runs on the developer's machine.

/// A few lines of shell that print the same whichever runtime serves the engine.
#[derive(Debug, Clone)]
pub(super) struct Case {
    /// The engine, the subject, and the sentence that the case proves.
    pub(super) title: String,
    pub(super) script: String,
    /// Expressions of `sed -E` for what differs from run to run.
    pub(super) alike: Vec<&'static str>,
    /// Whether `--marked` keeps it.
    pub(super) places: Places,
}

/// Where a case is worth its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    /// On a machine that is not emulated.
    Here,
    /// In an emulated one with systemd and cgroup v2, too.
    HereAndMachine,
}

/// What came of a case with one runtime.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Half {
    /// What it printed, without what differs from run to run.
    pub(super) text: String,
    pub(super) status: Option<i32>,
}

/// What came of a case.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Alike,
    /// Nothing can be said.
    Skipped(String),
    /// Why the case itself is no good.
    Broken(String),
    Different,
}

/// Asks for the cases that are worth their time in the machine, too.
pub(super) const MARKED: &str = "# machine";

/// A script that cannot run here ends with this, as autoconf's tests do.
const SKIPPED: i32 = 77;
const SKIP_MARK: &str = "SKIPPED: ";

/// Reads a file of cases. What stands before the first one is about the file.
pub(super) fn read(subject: &str, text: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# case: ") {
            let title = format!("{subject}: {name}");
            cases.push(Case { title, script: String::new(), alike: Vec::new(), places: Places::Here });
        } else if let Some(case) = cases.last_mut() {
            case.add(line);
        }
    }
    cases
}

impl Case {
    fn add(&mut self, line: &'static str) {
        if let Some(expression) = line.strip_prefix("# alike: ") {
            self.alike.push(expression);
        } else if line == MARKED {
            self.places = Places::HereAndMachine;
        } else {
            self.script.push_str(line);
            self.script.push('\n');
        }
    }

    /// Whether it is asked for with `word`.
    pub(super) fn is_named(&self, word: &str) -> bool {
        self.title.contains(word) || word == MARKED && self.places == Places::HereAndMachine
    }
}

impl Outcome {
    /// Of what runc and brig did.
    pub(super) fn of(runc: &Half, brig: &Half) -> Self {
        let reason =
            |half: &Half| half.text.lines().find_map(|line| line.strip_prefix(SKIP_MARK).map(str::to_owned));
        match (runc.status, brig.status) {
            (Some(SKIPPED), Some(SKIPPED)) => Self::Skipped(reason(runc).unwrap_or_default()),
            (Some(0), _) if runc == brig => Self::Alike,
            (Some(0), _) => Self::Different,
            (Some(code), _) => Self::Broken(format!("with runc it ends with status {code}\n{}", runc.text)),
            (None, _) => Self::Broken(format!("with runc it is killed\n{}", runc.text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# About.\n\n# case: one\n# machine\n# alike: s/1/2/\necho a\n\n# case: two\necho b\n# a comment\n";

    fn half(text: &str, status: i32) -> Half {
        Half { text: text.to_owned(), status: Some(status) }
    }

    #[test]
    fn a_case_goes_from_its_head_to_the_next_one() {
        let cases = read("docker run", TEXT);
        assert_eq!(cases[0].title, "docker run: one");
        assert_eq!(cases[0].script, "echo a\n\n");
        assert_eq!(cases[0].alike, ["s/1/2/"]);
        assert_eq!(cases[0].places, Places::HereAndMachine);
        assert_eq!(cases[1].script, "echo b\n# a comment\n");
        assert!(cases[1].is_named("run: two") && !cases[1].is_named("one"));
    }

    #[test]
    fn what_is_printed_and_the_status_have_to_be_the_same() {
        assert_eq!(Outcome::of(&half("a", 0), &half("a", 0)), Outcome::Alike);
        assert_eq!(Outcome::of(&half("a", 0), &half("b", 0)), Outcome::Different);
        assert_eq!(Outcome::of(&half("a", 0), &half("a", 1)), Outcome::Different);
        assert_eq!(Outcome::of(&half("a", 0), &half("SKIPPED: no", 77)), Outcome::Different);
        assert_eq!(Outcome::of(&half("x\nSKIPPED: no", 77), &half("", 77)), Outcome::Skipped("no".into()));
    }

    #[test]
    fn a_case_that_fails_with_runc_proves_nothing() {
        assert!(matches!(Outcome::of(&half("a", 1), &half("a", 1)), Outcome::Broken(_)));
    }
}
