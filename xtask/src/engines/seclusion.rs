//! Where an engine runs: namespaces and cgroups that are removed whatever happens.
//!
//! A shell outside (keeper.sh) watches a pipe that we hold: when we end, in whatever way, it ends everything and removes
//! the cgroups. What the engine mounted, and its network, ends with the namespaces.
//! Runs on the developer's machine.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::command::which;
use crate::engines::KEEPER;
use crate::engines::engine::Engine;
use crate::tally::Tally;
use crate::test::PATIENCE;
use crate::usage::INSIDE;

/// In the seclusion a folder for everything.
pub(super) const FOLDER: &str = "/run/engines";

/// One engine's namespaces and cgroups.
#[derive(Debug)]
pub(super) struct Seclusion<'a> {
    engine: &'a Engine,
    brig: &'a Path,
    /// The cgroups that may be made.
    group: String,
}

impl<'a> Seclusion<'a> {
    /// For `engine`, with `brig` as a runtime; nothing is made yet.
    pub(super) fn new(engine: &'a Engine, brig: &'a Path) -> Self {
        Self { engine, brig, group: format!("brig_engines_{}", std::process::id()) }
    }

    /// Runs the cases that are named by one of `words`, and passes on what is said about them.
    ///
    /// # Errors
    /// It cannot be made, or what runs in it does not come to a sum.
    pub(super) fn run(&self, words: &[String]) -> Result<Tally, String> {
        finish(&mut self.command(words)?)
    }

    /// Runs a session that measures, with `environment` for it.
    ///
    /// # Errors
    /// It does not come to an end.
    pub(super) fn measure(&self, words: &[String], environment: &[(&str, &str)]) -> Result<(), String> {
        finish(self.command(words)?.envs(environment.iter().copied())).map(drop)
    }

    fn command(&self, words: &[String]) -> Result<Command, String> {
        let this = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
        let mut command = Command::new("sh");
        command.args(["-euc", KEEPER, "sh"]).arg(this);
        command.args(["engines", INSIDE, self.engine.name]).args(words);
        command.env("INSIDE", include_str!("inside.sh")).env("ENGINES", FOLDER).env("GROUP", &self.group);
        command.env("BRIG", self.brig).env("RUNC", reference().unwrap_or_default());
        command.env("PATIENCE", std::env::var(PATIENCE).unwrap_or_else(|_| "1".into()));
        Ok(command)
    }
}

/// The runc to compare with: the one that `RUNC` names, or Debian's.
pub(super) fn reference() -> Option<PathBuf> {
    std::env::var_os("RUNC").map(PathBuf::from).or_else(|| which("runc"))
}

/// Runs the keeper's shell to its end, and passes on what is said in the seclusion.
///
/// # Errors
/// It cannot be run, or what runs in it does not come to a sum.
pub(crate) fn finish(command: &mut Command) -> Result<Tally, String> {
    // A group of its own: ^C ends us, and the keeper sees that, for its standard input ends with us.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| format!("sh: {error}"))?;
    let input = child.stdin.take();
    let sum = pass_on(&mut child);
    let status = child.wait().map_err(|error| format!("sh: {error}"))?;
    drop(input);
    sum.filter(|sum| sum.failed > 0 || status.success()).ok_or_else(|| format!("it ended with {status}"))
}

/// Prints what `child` prints, but for the sum, which is its last line.
fn pass_on(child: &mut Child) -> Option<Tally> {
    let mut sum = None;
    for line in BufReader::new(child.stdout.take()?).lines() {
        let line = line.ok()?;
        sum = Tally::parse(&line);
        if sum.is_none() {
            println!("{line}");
        }
    }
    sum
}
