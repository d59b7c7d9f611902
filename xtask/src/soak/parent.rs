//! A command of brig's that lives long, and what it holds.

use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Runs its arguments in the background and says their process id.
const BACKGROUND: &str = r#""$@" </dev/null >/dev/null 2>&1 & echo "$!""#;

/// One that was started, and what it held when it was first looked at.
#[derive(Debug)]
pub(super) struct Parent {
    pid: i32,
    /// When it began: no other process of this id did then.
    began: String,
    first: Option<Holds>,
}

/// Descriptors, and memory in kibibytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) descriptors: usize,
    pub(super) memory: u64,
}

/// No parent takes longer to end.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
/// So much more memory is no leak: pages that are touched late.
const LATE: u64 = 256;

impl Parent {
    /// Starts `words`, which nobody waits for but the first process here.
    ///
    /// # Errors
    /// There is no shell.
    pub(super) fn start(words: &[String]) -> Result<Self, String> {
        let mut shell = Command::new("sh");
        shell.args(["-c", BACKGROUND, "sh"]).args(words).stdin(Stdio::null());
        let said = shell.output().map_err(|error| format!("sh: {error}"))?.stdout;
        let pid = String::from_utf8_lossy(&said).trim().parse().map_err(|_| "sh: no process id")?;
        Ok(Self { pid, began: began(pid).unwrap_or_default(), first: None })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid
    }

    pub(super) fn is_alive(&self) -> bool {
        began(self.pid).is_some_and(|began| began == self.began)
    }

    /// What it holds now and did not when this was first asked, if that is too much. It has to be alive.
    pub(super) fn has_grown(&mut self) -> Option<String> {
        let now = self.holds();
        let first = *self.first.get_or_insert(now);
        let grown = now.descriptors > first.descriptors || now.memory > first.memory + LATE;
        grown.then(|| format!("the parent {} held {first:?} and holds {now:?}", self.pid))
    }

    pub(super) fn first(&self) -> Option<Holds> {
        self.first
    }

    pub(super) fn holds(&self) -> Holds {
        let descriptors = fs::read_dir(format!("/proc/{}/fd", self.pid)).map_or(0, Iterator::count);
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.split_whitespace().next()?.parse().ok()).unwrap_or(0);
        Holds { descriptors, memory }
    }
}

/// When the process began, if it has not ended.
pub(super) fn began(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = stat.rsplit_once(") ")?.1.split(' ');
    let ended = matches!(words.next()?, "Z" | "X");
    words.nth(18).filter(|_| !ended).map(str::to_owned)
}

/// Kills it.
///
/// # Errors
/// There is no kill(1).
pub(super) fn kill(parent: &Parent) -> Result<(), String> {
    let done = Command::new("kill").args(["-KILL", &parent.pid().to_string()]).status();
    done.map(drop).map_err(|error| format!("kill: {error}"))
}

/// Waits for the end of a parent; what is wrong if there is none.
pub(super) fn gone(parent: &Parent) -> Option<String> {
    let deadline = Instant::now() + LIMIT;
    while parent.is_alive() {
        if Instant::now() > deadline {
            return Some(format!("the parent {} never ends", parent.pid()));
        }
        thread::sleep(POLL);
    }
    None
}
