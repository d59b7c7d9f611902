//! `cargo xtask test`: every test this user can run, pure ones first, then user namespaces, then root.
//!
//! Tests of the whole program are the integration tests of package `brig`: `user_*.rs` run as an unprivileged
//! user, `root_*.rs` as root in a private mount namespace, once on the machine's own cgroup layout and once on
//! cgroup v2 by itself (`BRIG_TEST_CGROUP=v2`). All others are pure and run as whoever we are.

mod binaries;
mod places;

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::command::{is_root, provide_tools};
use crate::criu;
use crate::docs;
use crate::engines;
use crate::faults;
use crate::oracle;
use crate::soak;
use crate::tally::{self, Tally};
use crate::vm;
use places::{Home, Place};

pub(crate) use binaries::{BUILT, Binary, Built, Needs};
pub(crate) use places::SESSION;

/// Tells tests how many times longer than usual they have to wait for what has to happen.
pub(crate) const PATIENCE: &str = "BRIG_TEST_PATIENCE";
/// No test binary may take longer; CI has 25 minutes for all of them.
const DEADLINE: Duration = Duration::from_secs(8 * 60);
const POLL: Duration = Duration::from_millis(20);

/// Builds and runs the tests and prints the sum as the last line.
///
/// # Errors
/// The tests do not build, or one failed.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    provide_tools();
    let built = Built::new(root)?;
    let path = if binaries::are_brought() { None } else { Some(criu::search_path()) };
    let run = Run { logs: logs(root)?, home: Home::new()?, words, path };
    let mut sum = Tally::default();
    for needs in [Needs::Nothing, Needs::User, Needs::Root] {
        for binary in built.tests.iter().filter(|binary| binary.needs == needs) {
            for place in places::of(needs) {
                sum += run.one(binary, place)?;
            }
        }
    }
    if !binaries::are_brought() {
        if !oracle::is_here() {
            sum += without_oracle(root)?;
        }
        sum += run.documentation(root)?;
        sum += engines::part(&built, words);
        sum += docs::part(root, &built, words)?;
        sum += faults::part(&built, words);
        sum += soak::part(&built, words);
        sum += run.machine(root, &built)?;
    }
    println!("{sum}");
    if sum.failed == 0 { Ok(()) } else { Err("tests failed".into()) }
}

/// Hands on every test binary of whole containers, as root on cgroup v2.
///
/// # Errors
/// The tests do not build, or `each` fails.
pub(crate) fn whole_containers(
    root: &Path,
    words: &[String],
    mut each: impl FnMut(&Whole<'_>) -> Result<(), String>,
) -> Result<(), String> {
    provide_tools();
    let built = Built::new(root)?;
    let run = Run { logs: logs(root)?, home: Home::new()?, words, path: Some(criu::search_path()) };
    built
        .tests
        .iter()
        .filter(|binary| binary.needs == Needs::Root)
        .try_for_each(|binary| each(&Whole { binary, run: &run }))
}

/// A test binary that makes whole containers.
#[derive(Debug)]
pub(crate) struct Whole<'a> {
    binary: &'a Binary,
    run: &'a Run<'a>,
}

impl Whole<'_> {
    /// `package::target`.
    pub(crate) fn name(&self) -> &str {
        &self.binary.name
    }

    /// Runs it with the words `before` before it, and `after` or else those of the run after it. Returns what it wrote.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) fn run(&self, before: &[String], after: &[&str]) -> Result<String, String> {
        let place = places::of(Needs::Root).pop().unwrap_or(Place::OwnCgroups);
        let mut command = self.run.test(self.binary, before, place);
        command.arg("--show-output");
        if after.is_empty() {
            command.args(self.run.words_for(self.name()))
        } else {
            command.args(after)
        };
        let log = self.run.logs.join("old.log");
        watch(&mut command, &log).map_err(|error| format!("{}: {error}", self.binary.name))?;
        let bytes = fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The comparison with libseccomp cannot be built: how many tests that is.
fn without_oracle(root: &Path) -> Result<Tally, String> {
    let path = root.join("crates/seccomp/tests/oracle/main.rs");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let count = text.lines().filter(|line| *line == "#[test]").count();
    println!("skip  seccomp::oracle: {count} tests: no libseccomp.a (Debian: libseccomp-dev)");
    Ok(Tally::skipped(count))
}

/// What all test binaries of one run share.
#[derive(Debug)]
struct Run<'a> {
    /// Where the output of each goes.
    logs: PathBuf,
    /// The home of tests that run as an unprivileged user.
    home: Home,
    /// Which tests to keep; all when empty.
    words: &'a [String],
    /// Where tests look for programs, if not where we do.
    path: Option<OsString>,
}

impl Run<'_> {
    /// Runs `binary` in `place`, prints one line, and its whole output when it failed.
    fn one(&self, binary: &Binary, place: Place) -> Result<Tally, String> {
        let title = format!("{} ({place})", binary.name);
        if let Some(obstacle) = obstacle(binary, place) {
            let count = binary.count()?;
            println!("skip  {title}: {count} tests: {obstacle}");
            return Ok(Tally::skipped(count));
        }
        let mut command = self.test(binary, &[], place);
        command.arg("--show-output").args(self.words_for(&binary.name));
        self.judge(&title, command)
    }

    /// A word that the binary's own name contains means all that is in it.
    fn words_for(&self, binary: &str) -> &[String] {
        if self.words.iter().any(|word| binary.contains(&**word)) { &[] } else { self.words }
    }

    /// The tests in documentation, which only cargo can run.
    fn documentation(&self, root: &Path) -> Result<Tally, String> {
        let mut command = crate::command::cargo(root);
        command.args(["test", "--quiet", "--workspace", "--doc", "--", "--show-output"]).args(self.words);
        self.judge("documentation", command)
    }

    /// The tests in a machine of their own, which takes too long for those who look for a word.
    fn machine(&self, root: &Path, built: &Built) -> Result<Tally, String> {
        if self.words.is_empty() {
            return vm::tests_in_the_machine(root, built);
        }
        println!("none in the machine: cargo xtask vm {} runs them", self.words.join(" "));
        Ok(Tally::default())
    }

    fn test(&self, binary: &Binary, before: &[String], place: Place) -> Command {
        let words: Vec<OsString> =
            before.iter().map(Into::into).chain([binary.path.clone().into()]).collect();
        let mut command = place.command(&words, &self.home);
        command.current_dir(&binary.package).env("CARGO_MANIFEST_DIR", &binary.package);
        command.envs(self.path.iter().map(|path| ("PATH", path)));
        command
    }

    fn judge(&self, title: &str, mut command: Command) -> Result<Tally, String> {
        let log = self.logs.join(format!("{}.log", title.replace(['/', ' '], "_")));
        let started = Instant::now();
        let ended = watch(&mut command, &log).map_err(|error| format!("{title}: {error}"))?;
        let bytes = fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let text = String::from_utf8_lossy(&bytes);
        let mut tally = Tally::read(&text).unwrap_or(Tally::BROKEN);
        let ok = ended.is_some_and(|status| status.success());
        if !ok && tally.failed == 0 {
            tally.failed = 1; // died after its last test, or was stopped
        }
        print(title, tally, &text, started.elapsed());
        match ended {
            None => println!("      stopped after {} s", DEADLINE.as_secs()),
            Some(status) if !ok => println!("      ended with {status}"),
            Some(_) => {}
        }
        Ok(tally)
    }
}

/// Why `binary` cannot run in `place`.
fn obstacle(binary: &Binary, place: Place) -> Option<&'static str> {
    match place {
        Place::OwnCgroups | Place::CgroupV2 if !is_root() => Some("they need root"),
        Place::Nobody | Place::Session if !places::is_open_to_all(&binary.path) => {
            Some("nobody cannot reach them; set CARGO_TARGET_DIR to a folder that all may enter")
        }
        Place::Here | Place::Nobody | Place::Session | Place::OwnCgroups | Place::CgroupV2 => None,
    }
}

fn print(title: &str, tally: Tally, text: &str, took: Duration) {
    let word = if tally.failed == 0 { "ok  " } else { "FAIL" };
    println!("{word}  {title}: {tally} in {:.1} s", took.as_secs_f32());
    for (test, reason) in tally::skips(text) {
        println!("      skipped {test}: {reason}");
    }
    if tally.failed > 0 {
        println!("{text}");
    }
}

/// Runs `command` with its output in `log`; `None` when it was stopped at the deadline.
fn watch(command: &mut Command, log: &Path) -> std::io::Result<Option<ExitStatus>> {
    let file = File::create(log)?;
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut child = command.process_group(0).spawn()?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() > DEADLINE {
            stop(&mut child)?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Kills the test binary and what it started in its process group.
fn stop(child: &mut Child) -> std::io::Result<()> {
    Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status()?;
    child.wait().map(|_| ())
}

fn logs(root: &Path) -> Result<PathBuf, String> {
    let logs = target(root).join("xtask/test");
    fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
    Ok(logs)
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
