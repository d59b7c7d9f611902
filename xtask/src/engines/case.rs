//! Cases: how they are written down, and whether two runs of one are alike.
//! Runs on the developer's machine.

use crate::tally::Tally;

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
    /// Why it may differ although the runtimes do not: something that the engine leaves to chance.
    pub(super) varies: Option<&'static str>,
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

/// What came of a case at its last turn.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    pub(super) case: &'a Case,
    pub(super) outcome: Outcome,
    /// The first one is 1.
    pub(super) turn: u32,
}

/// How many turns a case has. The second is there because a single difference may be the engine's, or the case's own: what is
/// alike only then is said at the end.
const TURNS: u32 = 2;

/// How many turns a case has that varies.
const MOST_TURNS: u32 = 3;

/// Of a case that was alike at its second turn only and does not say that it varies.
const UNEXPLAINED: &str = "it is not known why";

/// Asks for the cases that are worth their time in the machine, too.
pub(super) const MARKED: &str = "# machine";

/// A script that cannot run here ends with this, as autoconf's tests do.
const SKIPPED: i32 = 77;
const SKIP_MARK: &str = "SKIPPED: ";

/// The mark of a case that varies.
const VARIES: &str = "# varies: ";

/// Reads a file of cases. What stands before the first one is about the file: all of them may vary.
pub(super) fn read(subject: &str, text: &'static str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let head = text.lines().take_while(|line| !line.starts_with("# case: "));
    let all_vary = head.filter_map(|line| line.strip_prefix(VARIES)).next();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# case: ") {
            let title = format!("{subject}: {name}");
            let (script, alike) = (String::new(), Vec::new());
            cases.push(Case { title, script, alike, places: Places::Here, varies: all_vary });
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
        } else if let Some(reason) = line.strip_prefix(VARIES) {
            self.varies = Some(reason);
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

impl Verdict<'_> {
    /// Whether the case has one more turn.
    pub(super) fn is_open(&self) -> bool {
        let is_settled = matches!(self.outcome, Outcome::Alike | Outcome::Skipped(_));
        !is_settled && self.turn < if self.case.varies.is_some() { MOST_TURNS } else { TURNS }
    }

    /// What fails with runc says nothing of brig.
    pub(super) fn tally(&self) -> Tally {
        match self.outcome {
            Outcome::Alike => Tally { passed: 1, ..Tally::default() },
            Outcome::Skipped(_) | Outcome::Broken(_) => Tally::skipped(1),
            Outcome::Different => Tally::BROKEN,
        }
    }

    /// What is said again behind all cases: nothing of one that was alike at once.
    pub(super) fn remark(&self) -> Option<String> {
        let title = &self.case.title;
        match &self.outcome {
            Outcome::Alike if self.turn == 1 => None,
            Outcome::Alike => {
                let reason = self.case.varies.unwrap_or(UNEXPLAINED);
                Some(format!("alike at turn {}: {title}: {reason}", self.turn))
            }
            Outcome::Skipped(reason) => Some(format!("skipped: {title}: {reason}")),
            Outcome::Broken(reason) => {
                Some(format!("skipped: {title}: {}", reason.lines().next().unwrap_or_default()))
            }
            Outcome::Different => Some(format!("different: {title}")),
        }
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
        let outcome = Outcome::of(&half("a", 1), &half("a", 1));
        assert!(matches!(outcome, Outcome::Broken(_)));
        let cases = read("docker run", TEXT);
        let verdict = Verdict { case: &cases[0], outcome, turn: 1 };
        assert_eq!(verdict.tally(), Tally::skipped(1));
        assert_eq!(verdict.remark().unwrap(), "skipped: docker run: one: with runc it ends with status 1");
    }

    #[test]
    fn a_case_has_two_turns_and_three_if_it_says_why_it_varies_and_the_sum_tells_so() {
        let cases = read("docker run", "# case: one\n# varies: by chance\n\n# case: two\n");
        let [one, two] = [0, 1].map(|at| &cases[at]);
        let different = |case, turn| Verdict { case, outcome: Outcome::Different, turn };
        assert!(different(one, 2).is_open());
        assert!(!different(one, MOST_TURNS).is_open());
        assert!(different(two, 1).is_open() && !different(two, TURNS).is_open());
        let alike = |turn| Verdict { case: one, outcome: Outcome::Alike, turn };
        assert!(!alike(1).is_open());
        assert_eq!(alike(1).remark(), None);
        let all = read("docker run", "# About.\n# varies: by chance\n\n# case: one\n# case: two\n");
        assert!(all.iter().all(|case| case.varies == Some("by chance")));
        assert_eq!(alike(2).remark().unwrap(), "alike at turn 2: docker run: one: by chance");
        let unexplained = Verdict { case: two, outcome: Outcome::Alike, turn: 2 };
        assert_eq!(unexplained.remark().unwrap(), "alike at turn 2: docker run: two: it is not known why");
        assert_eq!(different(two, 1).tally(), Tally::BROKEN);
    }
}
