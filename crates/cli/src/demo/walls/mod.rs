//! The walls, each looked at from inside: what is tried, and what has to come of it. Runs in: the container.
//!
//! A wall is not believed to stand because it was asked for: each look tries what the wall forbids, or reads what it hides.

mod files;
mod process;
mod surroundings;

use rustix::io::Errno;

use super::facts::Facts;

/// What was found, in words; an error if the wall does not stand.
pub(crate) type Found = Result<String, String>;

/// One wall.
#[derive(Debug)]
pub(crate) struct Wall {
    /// In one word, or two.
    pub(crate) name: &'static str,
    /// Tries it.
    pub(crate) look: fn(&Facts) -> Found,
}

/// All of them, from the outermost on. What stays changed by a look comes last.
pub(crate) const ALL: [Wall; 15] = [
    Wall { name: "namespaces", look: surroundings::namespaces },
    Wall { name: "users", look: surroundings::users },
    Wall { name: "processes", look: surroundings::processes },
    Wall { name: "network", look: surroundings::network },
    Wall { name: "files", look: files::root },
    Wall { name: "read-only root", look: files::readonly_root },
    Wall { name: "devices", look: files::devices },
    Wall { name: "hidden paths", look: files::masked },
    Wall { name: "kernel controls", look: files::controls },
    Wall { name: "capabilities", look: process::capabilities },
    Wall { name: "new privileges", look: process::new_privileges },
    Wall { name: "system calls", look: process::system_calls },
    Wall { name: "environment", look: process::environment },
    Wall { name: "descriptors", look: process::descriptors },
    Wall { name: "limits", look: process::limits },
];

/// Whether an attempt ended in `wanted`; the error is what it ended in instead.
fn refused<T, E: Into<std::io::Error>>(
    what: &str,
    wanted: Errno,
    attempt: Result<T, E>,
) -> Result<(), String> {
    match attempt.map_err(Into::into) {
        Ok(_) => Err(format!("{what} succeeded")),
        Err(error) if error.raw_os_error() == Some(wanted.raw_os_error()) => Ok(()),
        Err(error) => Err(format!("{what} failed, but as it should not: {error}")),
    }
}

/// `a, b and c`
fn listed(words: &[&str]) -> String {
    match words {
        [] => "none".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// `1 file`, `2 files`
fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_listed_as_a_sentence_lists_them() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b", "c"]), "a, b and c");
        assert_eq!((counted(1, "disk"), counted(0, "disk")), ("1 disk".to_owned(), "0 disks".to_owned()));
    }

    #[test]
    fn only_the_right_refusal_is_one() {
        assert_eq!(refused::<(), _>("it", Errno::PERM, Err(Errno::PERM)), Ok(()));
        assert!(refused::<(), _>("it", Errno::PERM, Err(Errno::NOENT)).unwrap_err().starts_with("it failed"));
        assert_eq!(refused::<_, Errno>("it", Errno::PERM, Ok(())), Err("it succeeded".to_owned()));
    }
}
