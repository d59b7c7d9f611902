//! What `cargo xtask help` says of one command, and whether the words after that command can be meant for it.
//!
//! The help is what is true: an option that it does not name is refused, before anything is done.

/// What the words after a command ask for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Its part of the help.
    Help(String),
    /// That it does what it is for.
    Work,
}

/// The first word of the copy of this program that works where it was brought: in namespaces, or on other cgroups.
pub(crate) const INSIDE: &str = "--inside";
/// That of the copy that starts another program below a filter.
pub(crate) const BELOW: &str = "--below";
/// That of the copy that measures events, on the machine's own cgroups.
pub(crate) const EVENTS: &str = "--events";
/// All of these: not for people.
const OWN: [&str; 3] = [INSIDE, BELOW, EVENTS];
/// One of these is there when the command begins with words of its own, such as `bench checkpoint`.
const HEAD: usize = 2;

/// What `words` after `command` ask for; `help` is all of the help.
///
/// # Errors
/// There is an option that the help of the command does not name, or a word where it takes none. The usage is told.
pub(crate) fn asked(help: &str, command: &str, words: &[String]) -> Result<Asked, String> {
    let part = part(help, command);
    let is_own = |word: &String| OWN.contains(&word.as_str());
    if part.is_empty() || words.iter().take(HEAD).any(is_own) {
        return Ok(Asked::Work);
    }
    let mut ours = words.iter().take_while(|word| *word != "--");
    if ours.clone().any(|word| ["--help", "-h"].contains(&word.as_str())) {
        return Ok(Asked::Help(part));
    }
    if !takes_words(&part, command) && !words.is_empty() {
        return Err(format!("it takes no words\n{part}"));
    }
    match ours.find(|word| word.starts_with('-') && !options(&part).any(|option| option == *word)) {
        Some(other) => Err(format!("unknown option {other:?}\n{part}")),
        None => Ok(Asked::Work),
    }
}

/// The lines about `command`, and the indented ones below each.
fn part(help: &str, command: &str) -> String {
    let mut inside = false;
    let lines = help.split_inclusive('\n').filter(|line| {
        if let Some(rest) = line.strip_prefix("cargo xtask ") {
            inside = rest.split_whitespace().next() == Some(command);
        }
        inside
    });
    lines.collect()
}

/// Whether the command's own line names words before what the command is for, which two spaces set apart.
fn takes_words(part: &str, command: &str) -> bool {
    let rest = part.strip_prefix("cargo xtask ").and_then(|rest| rest.strip_prefix(command));
    rest.is_some_and(|rest| !rest.starts_with("  "))
}

fn options(part: &str) -> impl Iterator<Item = &str> {
    let words = part.split_whitespace().map(|word| word.trim_matches(['[', ']', ',']));
    words.filter(|word| word.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HELP;

    fn asked_of(line: &str) -> Result<Asked, String> {
        let mut words = line.split(' ').map(str::to_owned);
        let command = words.next().unwrap();
        asked(HELP, &command, &words.collect::<Vec<_>>())
    }

    /// The names of all commands.
    fn commands() -> Vec<&'static str> {
        let heads = HELP.lines().filter_map(|line| line.strip_prefix("cargo xtask "));
        heads.filter_map(|rest| rest.split_whitespace().next()).collect()
    }

    #[test]
    fn every_command_prints_its_part_of_the_help_and_does_nothing() {
        for command in commands() {
            for flag in ["--help", "-h"] {
                let Ok(Asked::Help(text)) = asked_of(&format!("{command} {flag}")) else {
                    panic!("{command} {flag}")
                };
                assert!(text.starts_with(&format!("cargo xtask {command}")), "{text}");
                assert!(text.lines().all(|line| line.starts_with(' ') || line.contains(command)), "{text}");
            }
        }
        assert!(
            matches!(asked_of("soak --seed 3 --help"), Ok(Asked::Help(text)) if text.contains("--steps"))
        );
    }

    #[test]
    fn every_command_refuses_an_option_that_its_help_does_not_name() {
        for command in commands() {
            let said = asked_of(&format!("{command} --quickly")).unwrap_err();
            assert!(said.contains(&format!("\ncargo xtask {command}")), "{said}");
        }
        assert!(asked_of("old openat2 --every 3").is_err(), "an option of another command");
        assert!(asked_of("dist now").unwrap_err().starts_with("it takes no words"));
    }

    #[test]
    fn what_the_help_names_and_what_is_behind_two_dashes_is_the_commands_own() {
        for line in
            ["faults kill exec --every 10", "bench engines --rounds 3", "docs --all", "test kill", "check"]
        {
            assert_eq!(asked_of(line), Ok(Asked::Work), "{line}");
        }
        assert_eq!(asked_of("vm --with criu -- ls --help"), Ok(Asked::Work));
    }

    #[test]
    fn copies_of_this_program_may_be_told_anything() {
        assert_eq!(asked_of("old --below openat2 sh --help"), Ok(Asked::Work));
        assert_eq!(asked_of("bench checkpoint --inside --rounds 3"), Ok(Asked::Work));
        assert_eq!(asked_of("bench engines --inside --rounds 3"), Ok(Asked::Work));
    }
}
