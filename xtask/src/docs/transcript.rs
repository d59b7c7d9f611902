//! A console block: its commands, and whether what they print is what the page shows. Pure.
//! Runs on the developer's machine.

/// A command of a console block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) who: Who,
    /// For bash; more than one line where the page has lines behind `> `.
    pub(super) text: String,
    /// The lines that the page shows; nothing is compared if there are none.
    pub(super) shown: Vec<String>,
}

/// Who types it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// `# `.
    Root,
    /// `$ `: an ordinary user.
    You,
}

/// What stands for anything: within a line for any text, alone for any lines.
const ELLIPSIS: &str = "…";

/// The commands of a block.
pub(super) fn read(text: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for line in text.lines() {
        let typed = [("# ", Who::Root), ("$ ", Who::You)];
        let typed = typed.into_iter().find_map(|(prompt, who)| Some((who, line.strip_prefix(prompt)?)));
        match (typed, commands.last_mut()) {
            (Some((who, text)), _) => {
                commands.push(Command { who, text: text.to_owned(), shown: Vec::new() });
            }
            (None, Some(command)) => command.add(line),
            (None, None) => {}
        }
    }
    commands
}

impl Command {
    fn add(&mut self, line: &str) {
        match line.strip_prefix("> ").or_else(|| (line == ">").then_some("")) {
            Some(more) if self.shown.is_empty() => self.text.push_str(&format!("\n{more}")),
            _ => self.shown.push(line.to_owned()),
        }
    }

    /// Whether it printed what is shown.
    pub(super) fn is_as_shown(&self, printed: &str) -> bool {
        let printed: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
        let shown: Vec<&str> = self.shown.iter().map(|line| line.trim_end()).collect();
        shown.is_empty() || lines_match(&shown, &printed)
    }
}

fn lines_match(shown: &[&str], printed: &[&str]) -> bool {
    match shown {
        [] => printed.is_empty(),
        [ELLIPSIS, rest @ ..] => (0..=printed.len()).any(|taken| lines_match(rest, &printed[taken..])),
        [line, rest @ ..] => {
            let first = printed.split_first().filter(|(first, _)| line_matches(line, first));
            first.is_some_and(|(_, others)| lines_match(rest, others))
        }
    }
}

fn line_matches(shown: &str, printed: &str) -> bool {
    let Some((before, rest)) = shown.split_once(ELLIPSIS) else { return shown == printed };
    let Some(printed) = printed.strip_prefix(before) else { return false };
    let mut places = printed.char_indices().map(|(at, _)| at).chain([printed.len()]);
    places.any(|at| line_matches(rest, &printed[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_commands_of_root_and_of_others_with_what_they_print() {
        let commands = read("# a \\\n> b\nout\n\nmore\n$ c\n> \n$ d\n");
        assert_eq!((commands[0].who, &*commands[0].text), (Who::Root, "a \\\nb"));
        assert_eq!(commands[0].shown, ["out", "", "more"]);
        assert_eq!((commands[1].who, &*commands[1].text), (Who::You, "c\n"));
        assert_eq!(commands[2].shown, [""; 0]);
    }

    fn matches(shown: &str, printed: &str) -> bool {
        read(&format!("$ x\n{shown}"))[0].is_as_shown(printed)
    }

    #[test]
    fn an_ellipsis_stands_for_any_text_of_a_line_or_for_any_lines() {
        assert!(matches("a … c\n", "a b c\n"));
        assert!(matches("pid …, …\n", "pid 7, x\n"));
        assert!(!matches("a … c\n", "a b d\n"));
        assert!(matches("a\n…\nz\n", "a\nb\nc\nz\n"));
        assert!(matches("a\n…\n", "a\n"));
        assert!(!matches("…\nz\n", "a\nz\nb\n"));
    }

    #[test]
    fn what_is_not_shown_at_all_may_be_anything_and_what_is_shown_is_all() {
        assert!(matches("", "a\nb\n"));
        assert!(!matches("a\n", "a\nb\n"));
        assert!(!matches("a\n", ""));
        assert!(matches("a  \n", "a \n\n"));
    }
}
