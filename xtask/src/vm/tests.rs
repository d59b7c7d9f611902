//! brig's own tests in the machine: `cargo xtask test` of the executables that were built here.

use std::path::Path;
use std::time::Duration;

use crate::tally::Tally;
use crate::test::{self, BUILT, Binary, Built, Needs};
use crate::vm::options::{Accelerator, Choice, Options};
use crate::vm::{Command, carry_out, obstacle};

/// Test binaries that `--all` runs and `cargo xtask test` does not: they take long, and neither cgroups nor systemd
/// nor another kernel changes what they prove.
/// Nor is CRIU in that machine: `cargo xtask vm --with criu --all checkpoint` has it.
const LEFT_TO_ALL: [&str; 9] = [
    "cli::root_checkpoint",
    "cli::root_checkpoint_asked",
    "cli::root_checkpoint_held",
    "cli::root_checkpoint_pages",
    "cli::root_checkpoint_places",
    "cli::root_checkpoint_refused",
    "cli::root_hooks",
    "cli::root_mistakes",
    "cli::root_terminal",
];
/// What `cargo xtask test` grants to its part of the tests: they take half of it on two processors.
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// Where processors are emulated, tests wait so many times longer for what has to happen,
const PATIENCE: u32 = 5;
/// and where there is but one, which does a system call slowly,
const PATIENCE_OF_ONE: u32 = 3;
/// and do so often what they do a hundred times elsewhere.
const MANY: u32 = 10;

/// The part of `cargo xtask test` that runs in the machine. Where there can be none its tests are skipped.
///
/// # Errors
/// The tests cannot be counted.
pub(crate) fn part(root: &Path, built: &Built) -> Result<Tally, String> {
    let options = Options { limit: LIMIT, ..Options::default() };
    let chosen = choose(&built.tests, Choice::Most);
    if let Some(obstacle) = obstacle(&options.accelerator) {
        let count = chosen.iter().map(|binary| binary.count()).sum::<Result<usize, String>>()?;
        println!("SKIP  in the machine: {count} tests: {obstacle}");
        return Ok(Tally::skipped(count));
    }
    Ok(run(root, &options, built, &chosen, &[]).unwrap_or_else(|reason| {
        println!("FAIL  in the machine: {reason}");
        Tally::BROKEN
    }))
}

/// `cargo xtask vm` without a command.
///
/// # Errors
/// They could not be run, or one failed.
pub(super) fn by_themselves(
    root: &Path,
    options: &Options,
    choice: Choice,
    words: &[String],
) -> Result<(), String> {
    let built = Built::new(root)?;
    let tally = run(root, options, &built, &choose(&built.tests, choice), words)?;
    if tally.failed == 0 { Ok(()) } else { Err("tests failed".into()) }
}

/// Runs `tests` in the machine and returns their sum.
fn run(
    root: &Path,
    options: &Options,
    built: &Built,
    tests: &[&Binary],
    words: &[String],
) -> Result<Tally, String> {
    let names: Vec<&str> = tests.iter().map(|binary| &*binary.name).collect();
    println!("in the machine: {}", names.join(" "));
    let left: Vec<&str> = LEFT_TO_ALL.into_iter().filter(|name| !names.contains(name)).collect();
    if !left.is_empty() {
        println!("left to cargo xtask vm --all: {}", left.join(" "));
    }
    let xtask = std::env::current_exe().map_err(|error| format!("own executable: {error}"))?;
    let mut command = vec![xtask.display().to_string(), "test".to_owned()];
    command.extend_from_slice(words);
    let mut executables = vec![xtask];
    executables.extend(tests.iter().map(|binary| binary.path.clone()));
    executables.extend(built.programs.iter().cloned());
    let list: String = tests.iter().map(|binary| format!("{}\n", binary.message)).collect();
    let mut environment = vec![(BUILT, "/brig/built".to_owned()), (test::SESSION, "user".to_owned())];
    let patience = match options.accelerator {
        Accelerator::Emulation => Some(PATIENCE),
        Accelerator::Uml => Some(PATIENCE_OF_ONE),
        Accelerator::Qemu(_) => None,
    };
    if let Some(patience) = patience {
        environment.push((test::PATIENCE, patience.to_string()));
        environment.push(("BRIG_TEST_MANY", MANY.to_string()));
    }
    let command = Command { words: &command, environment, executables: &executables, list: &list };
    let ended = carry_out(root, options, &command)?;
    let sum = ended.said.lines().rev().find_map(Tally::parse);
    let mut sum = sum.ok_or_else(|| format!("the tests ended with status {} and no sum", ended.status))?;
    if ended.status != 0 && sum.failed == 0 {
        sum += Tally::BROKEN;
    }
    Ok(sum)
}

/// Tests that start containers or make cgroups, of a choice.
fn choose(tests: &[Binary], choice: Choice) -> Vec<&Binary> {
    let is_left = |binary: &Binary| LEFT_TO_ALL.contains(&&*binary.name);
    let is_chosen = |binary: &&Binary| match choice {
        Choice::Most => (binary.needs != Needs::Nothing || is_on_cgroups(binary)) && !is_left(binary),
        Choice::All => true,
    };
    tests.iter().filter(is_chosen).collect()
}

/// They need nothing, and do more where there are cgroups of their kind.
fn is_on_cgroups(binary: &Binary) -> bool {
    binary.name.starts_with("cgroup::") && binary.name != "cgroup::v1"
}
