//! `cargo xtask engines` in the machine, with Debian 13's engines.

use std::path::Path;

use crate::tally::Tally;
use crate::test::{PATIENCE, SESSION};
use crate::vm::options::{Accelerator, Options};
use crate::vm::{Command, carry_out, obstacle};

/// Scripts wait so many times longer for what has to happen.
const PATIENT: u32 = 10;
/// Seconds for all cases of all engines.
const LIMIT: &str = "5400";

/// Runs `cargo xtask engines WORDS` in the machine and returns the sum.
///
/// # Errors
/// There is no machine, or it did not come to a sum.
pub(crate) fn run(
    root: &Path,
    brig: &Path,
    accelerator: &Accelerator,
    words: &[String],
) -> Result<Tally, String> {
    if let Some(obstacle) = obstacle(accelerator) {
        return Err(obstacle);
    }
    let options = Options::read(&["--with", "engines", "--timeout", LIMIT].map(str::to_owned))?;
    let options = Options { accelerator: accelerator.clone(), ..options };
    let xtask = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut command = vec![xtask.display().to_string(), "engines".to_owned()];
    command.extend_from_slice(words);
    let environment = vec![
        ("BRIG", brig.display().to_string()),
        (PATIENCE, PATIENT.to_string()),
        (SESSION, "user".to_owned()),
    ];
    let executables = [xtask, brig.to_owned()];
    let command = Command { words: &command, environment, executables: &executables, list: "" };
    let ended = carry_out(root, &options, &command)?;
    let sum = ended.said.lines().rev().find_map(Tally::parse);
    sum.ok_or_else(|| format!("the engines ended with status {} and no sum", ended.status))
}
