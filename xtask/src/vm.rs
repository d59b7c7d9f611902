//! `cargo xtask vm`: a machine of our own, with cgroup v2 and systemd, to run brig's tests or any command in.
//!
//! It is a Debian in qemu, or under user-mode Linux, made of Debian's packages: built once and kept, started anew for every
//! run. The workspace and the executables that cargo made lie in it at the paths that they have here, so that a test
//! does not see a difference; what is written there is gone afterwards, but for the folder `/brig/out`.

mod recipe;

mod image;

mod uml;

mod drives;
mod engines;
mod machine;
mod options;
mod tests;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::command::{Needed, provide};
use crate::test::{Built, target};
use drives::Drives;
use machine::{Ended, Run};
use options::{Options, Work};

pub(crate) use options::Accelerator;

pub(crate) use engines::run as engines;
pub(crate) use tests::part as tests_in_the_machine;

/// What makes the machine and runs it in qemu, and the Debian package of each.
const NEEDED: [Needed; 3] =
    [("qemu-system-x86_64", "qemu-system-x86"), ("mmdebstrap", "mmdebstrap"), ("mke2fs", "e2fsprogs")];

/// Runs what `words` ask for in the machine, and ends as that does.
///
/// # Errors
/// The machine cannot be made or started, the tests failed, or it was not finished in time.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    let options = Options::read(words)?;
    if let Some(obstacle) = obstacle(&options.accelerator) {
        return Err(obstacle);
    }
    match &options.work {
        Work::Tests(choice, words) => {
            tests::by_themselves(root, &options, *choice, words).map(|()| ExitCode::SUCCESS)
        }
        Work::Command(words) => {
            let executables = Built::new(root)?.programs;
            let environment = vec![("PATH", search_path(&executables))];
            let command = Command { words, environment, executables: &executables, list: "" };
            Ok(ExitCode::from(carry_out(root, &options, &command)?.status))
        }
    }
}

/// What runs in the machine, and what it needs there besides the workspace.
#[derive(Debug)]
struct Command<'a> {
    words: &'a [String],
    environment: Vec<(&'static str, String)>,
    /// They go in where they lie here.
    executables: &'a [PathBuf],
    /// Goes in as `/brig/built`.
    list: &'a str,
}

/// What the kernel says last. Emulated processors make it crash, one time in many; a real fault comes again.
const PANIC: &str = "Kernel panic";

/// Starts the machine with everything in it.
fn carry_out(root: &Path, options: &Options, command: &Command<'_>) -> Result<Ended, String> {
    let image = image::provide(&options.sets)?;
    let target = target(root);
    let mut drives = Drives::new(&target)?;
    drives.add_folder(root)?;
    for executable in command.executables {
        drives.add_file(executable, &target)?;
    }
    if let Some(folder) = &options.bring {
        drives.add_folder(&absolute(folder)?)?;
    }
    drives.add_text("built", command.list)?;
    let run = Run {
        image: &image,
        drives: &drives,
        folder: root,
        command: command.words,
        environment: &command.environment,
        accelerator: &options.accelerator,
        limit: options.limit,
    };
    let ended = run.carry_out().or_else(|reason| match reason.contains(PANIC) {
        true => {
            eprintln!("{reason}\nthe machine's kernel crashed; once more");
            run.carry_out()
        }
        false => Err(reason),
    })?;
    if let Some(folder) = &options.out {
        drives.unpack(folder)?;
    }
    let [booted, all] = ended.took.map(|took| took.as_secs());
    eprintln!("the machine booted in {booted} s and ended after {all} s");
    Ok(ended)
}

/// Why there can be no machine here, once what is missing has been installed where that is possible.
fn obstacle(accelerator: &Accelerator) -> Option<String> {
    if cfg!(not(target_arch = "x86_64")) {
        return Some("the machine is made for x86_64 only".into());
    }
    let missing = match accelerator {
        Accelerator::Uml => provide(&uml::NEEDED),
        Accelerator::Emulation | Accelerator::Qemu(_) => provide(&NEEDED),
    };
    (!missing.is_empty()).then(|| format!("missing; as root: apt-get install {}", missing.join(" ")))
}

/// Where the machine finds the workspace's own programs, and all others.
fn search_path(programs: &[PathBuf]) -> String {
    let mut folders: Vec<String> =
        programs.iter().filter_map(|path| path.parent()).map(|path| path.display().to_string()).collect();
    folders.dedup();
    folders.push("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
    folders.join(":")
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}
