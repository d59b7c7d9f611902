//! Counting tests: what a Rust test binary printed, as numbers.

use std::fmt;
use std::ops::AddAssign;

/// A passed test says that it could not run here by printing a line that starts with this.
const SKIP_MARK: &str = "SKIPPED:";

/// How many tests ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
}

impl Tally {
    /// One failure: a test binary that did not get to its own count.
    pub(crate) const BROKEN: Self = Self { passed: 0, failed: 1, skipped: 0 };

    /// Tests that could not run.
    pub(crate) fn skipped(skipped: usize) -> Self {
        Self { skipped, ..Self::default() }
    }

    /// Reads what a test binary printed under `--show-output`; `None` when it did not reach a result.
    pub(crate) fn read(output: &str) -> Option<Self> {
        let results: Vec<&str> =
            output.lines().filter_map(|line| line.strip_prefix("test result: ")).collect();
        if results.is_empty() {
            return None;
        }
        let count = |word: &str| results.iter().map(|line| number_before(line, word)).sum::<usize>();
        let skipped = skips(output).len();
        Some(Self {
            passed: count("passed").saturating_sub(skipped),
            failed: count("failed"),
            skipped: count("ignored") + skipped,
        })
    }
}

impl Tally {
    /// Reads a sum as it is printed.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        let &[passed, failed, skipped] = numbers.as_slice() else { return None };
        let tally = Self { passed, failed, skipped };
        (tally.to_string() == line).then_some(tally)
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The tests that passed by saying that they cannot run here: name and reason.
pub(crate) fn skips(output: &str) -> Vec<(String, String)> {
    let mut skips: Vec<(String, String)> = Vec::new();
    let (mut test, mut passed) = (None, false);
    for line in output.lines() {
        match line {
            "successes:" => passed = true,
            "failures:" => passed = false,
            _ => {}
        }
        if let Some(name) = section(line) {
            test = Some(name);
        } else if let (Some(name), Some(reason), true) = (test, line.strip_prefix(SKIP_MARK), passed) {
            skips.push((name.to_owned(), reason.trim().to_owned()));
            test = None; // a test is skipped once, however much it says
        }
    }
    skips
}

/// The tests that failed: name, and what each printed.
pub(crate) fn failures(output: &str) -> Vec<(String, String)> {
    let mut failures: Vec<(String, String)> = Vec::new();
    let (mut failed, mut open) = (false, false);
    for line in output.lines() {
        match (line, section(line)) {
            ("successes:", _) => failed = false,
            ("failures:", _) => (failed, open) = (true, false),
            (_, Some(name)) if failed => {
                open = true;
                failures.push((name.to_owned(), String::new()));
            }
            (line, _) if failed && open => {
                if let Some((_, text)) = failures.last_mut() {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            _ => {}
        }
    }
    failures
}

/// The number of tests that `--list --format=terse` names.
pub(crate) fn listed(output: &str) -> usize {
    output.lines().filter(|line| line.ends_with(": test")).count()
}

/// `---- name stdout ----`, the head of what one test printed.
fn section(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// The number that stands before `word` in `3 passed; 0 failed; …`.
fn number_before(line: &str, word: &str) -> usize {
    let words: Vec<&str> = line.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
    let at = words.iter().position(|other| *other == word).unwrap_or(0);
    at.checked_sub(1).and_then(|before| words[before].parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "
running 4 tests
test a ... ok
test b ... FAILED
test c ... ok
test d ... ignored

successes:

---- a stdout ----
SKIPPED: no user namespaces
SKIPPED: twice

---- c stdout ----
all of it

successes:
    a
    c

failures:

---- b stdout ----
SKIPPED: said, then failed
thread panicked

failures:
    b

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.00s
";

    #[test]
    fn a_test_that_says_skipped_is_not_passed() {
        assert_eq!(Tally::read(OUTPUT), Some(Tally { passed: 1, failed: 1, skipped: 2 }));
        assert_eq!(skips(OUTPUT), [("a".to_owned(), "no user namespaces".to_owned())]);
    }

    #[test]
    fn a_failure_is_told_with_what_its_test_printed() {
        let said = "SKIPPED: said, then failed\nthread panicked\n\n";
        assert_eq!(failures(OUTPUT), [("b".to_owned(), said.to_owned())]);
    }

    #[test]
    fn a_binary_that_died_has_no_result() {
        assert_eq!(Tally::read("running 3 tests\ntest a ... "), None);
    }

    #[test]
    fn several_results_are_summed() {
        let twice = "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n".repeat(2);
        assert_eq!(Tally::read(&twice), Some(Tally { passed: 4, failed: 0, skipped: 2 }));
    }

    #[test]
    fn the_sum_prints_as_the_final_line() {
        let mut sum = Tally::BROKEN;
        sum += Tally { passed: 3, failed: 0, skipped: 2 };
        assert_eq!(sum.to_string(), "3 passed, 1 failed, 2 skipped");
        assert_eq!(Tally::parse(&sum.to_string()), Some(sum));
        assert_eq!(Tally::parse("ok  3 passed, 1 failed, 2 skipped"), None);
    }

    #[test]
    fn listed_tests_are_counted() {
        assert_eq!(listed("a: test\nb::c: test\nd: benchmark\n"), 2);
    }
}
