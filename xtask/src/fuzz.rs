//! `cargo xtask fuzz`: the targets of `fuzz/`, one after the other, each for some minutes.
//!
//! What a target does is in `crates/hostile`; `fuzz/corpus` has what it starts from, which `cargo xtask test` goes through
//! without a fuzzer. What a run finds that is new goes to a folder of its own: `--keep` puts the smallest set of inputs that
//! reaches as much into the corpus.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::command::{is_root, succeed, which};
use crate::test::target;

/// The longest input; what is longer is not worth its time.
const LONGEST: u32 = 8192;
/// No input takes longer, in seconds.
const PATIENCE: u32 = 20;

/// Runs the targets that `words` name, or all. Prints a line for each.
///
/// # Errors
/// There is no cargo-fuzz, or the targets do not build.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<ExitCode, String> {
    let known = targets(root)?;
    let choice = Choice::read(words, &known)?;
    let fuzzer = Fuzzer { root, minutes: choice.minutes, programs: built(root)? };
    let mut found = 0;
    for name in &choice.targets {
        if choice.keeps {
            fuzzer.keep(name)?;
        } else {
            found += fuzzer.fuzz(name)?;
        }
    }
    if found > 0 {
        println!("{found} findings in fuzz/artifacts: mend, and put the input into fuzz/corpus");
    }
    Ok(if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Debug, PartialEq, Eq)]
struct Choice {
    targets: Vec<String>,
    minutes: u64,
    keeps: bool,
}

impl Choice {
    fn read(words: &[String], known: &[String]) -> Result<Self, String> {
        let mut choice = Self { targets: Vec::new(), minutes: 20, keeps: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--minutes" => {
                    let number = words.next().and_then(|word| word.parse().ok()).filter(|number| *number > 0);
                    choice.minutes = number.ok_or("--minutes wants a number")?;
                }
                "--keep" => choice.keeps = true,
                name if known.iter().any(|known| known == name) => choice.targets.push(name.to_owned()),
                other => return Err(format!("there is no target {other:?}, but {}", known.join(", "))),
            }
        }
        if choice.targets.is_empty() {
            choice.targets = known.to_vec();
        }
        Ok(choice)
    }
}

/// The names of all targets: their files.
fn targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(|entry| stem(entry.path())).collect();
    names.sort_unstable();
    Ok(names)
}

/// Builds all targets with stable Rust. Returns the folder of their programs.
fn built(root: &Path) -> Result<PathBuf, String> {
    if which("cargo-fuzz").is_none() {
        return Err("cargo-fuzz is missing: cargo install cargo-fuzz".into());
    }
    let mut build = Command::new("cargo");
    // All of it is safe code: a sanitizer would only cost time. Coverage is an unstable flag of the compiler.
    build.args(["fuzz", "build", "--sanitizer", "none"]).env("RUSTC_BOOTSTRAP", "1");
    succeed(build.current_dir(root.join("fuzz")))?;
    let targets = root.join("fuzz/target");
    let folders = fs::read_dir(&targets).map_err(|error| format!("{}: {error}", targets.display()))?;
    let programs = folders.flatten().map(|entry| entry.path().join("release"));
    let mut programs = programs.filter(|folder| folder.join("config").is_file());
    programs.next().ok_or_else(|| "cargo fuzz built no program named config".into())
}

struct Fuzzer<'r> {
    root: &'r Path,
    minutes: u64,
    programs: PathBuf,
}

impl Fuzzer<'_> {
    /// Runs one target for its time, and prints how often it ran. Returns how much it found.
    fn fuzz(&self, name: &str) -> Result<usize, String> {
        let (new, artifacts) = (self.new_inputs(name)?, self.root.join("fuzz/artifacts").join(name));
        fs::create_dir_all(&artifacts).map_err(|error| format!("{}: {error}", artifacts.display()))?;
        let before = count(&artifacts);
        let mut run = in_memory(&self.programs.join(name));
        run.arg(&new).arg(self.corpus(name)).arg(format!("-artifact_prefix={}/", artifacts.display()));
        run.arg(format!("-max_total_time={}", self.minutes * 60)).arg(format!("-max_len={LONGEST}"));
        run.arg(format!("-timeout={PATIENCE}")).args(["-print_final_stats=1", "-verbosity=0"]);
        let dictionary = self.root.join(format!("fuzz/{name}.dict"));
        if dictionary.is_file() {
            run.arg(format!("-dict={}", dictionary.display()));
        }
        let output = run.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let found = count(&artifacts).saturating_sub(before).max(usize::from(!output.status.success()));
        let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let word = if found == 0 { "ok  " } else { "FAIL" };
        println!(
            "{word}  {name}: {} runs in {} min, {found} findings",
            runs.unwrap_or("?").trim(),
            self.minutes
        );
        if found > 0 {
            println!("{said}");
        }
        Ok(found)
    }

    /// Puts the smallest set of inputs that reaches as much as all do in the place of the corpus.
    fn keep(&self, name: &str) -> Result<(), String> {
        let (corpus, kept) = (self.corpus(name), self.root.join("fuzz/corpus").join(format!(".{name}")));
        fs::create_dir_all(&kept).map_err(|error| format!("{}: {error}", kept.display()))?;
        let mut merge = in_memory(&self.programs.join(name));
        merge
            .arg("-merge=1")
            .arg(format!("-max_len={LONGEST}"))
            .arg(&kept)
            .arg(&corpus)
            .arg(self.new_inputs(name)?);
        succeed(merge.stdin(Stdio::null()).stderr(Stdio::null()))?;
        fs::remove_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        fs::rename(&kept, &corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        println!("{name}: {} inputs are kept", count(&corpus));
        Ok(())
    }

    fn corpus(&self, name: &str) -> PathBuf {
        self.root.join("fuzz/corpus").join(name)
    }

    fn new_inputs(&self, name: &str) -> Result<PathBuf, String> {
        let folder = target(self.root).join("xtask/fuzz").join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

/// `program`, with a `TMPDIR` in memory that is mounted where nobody else sees it: it ends without clearing up, or is killed,
/// and what it has left goes with it.
fn in_memory(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    let script = r#"mount -t tmpfs none /dev/shm && TMPDIR=/dev/shm exec "$@""#;
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(program);
    command
}

fn count(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Choice, String> {
        let own = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Choice::read(&own(words), &own(&["config", "dbus"]))
    }

    #[test]
    fn what_a_target_leaves_in_memory_goes_with_it() {
        let name = format!("brig-fuzz-left-{}", std::process::id());
        let script = format!("echo x >$TMPDIR/{name} && cat $TMPDIR/{name}");
        let output = in_memory(Path::new("sh")).args(["-c", &script]).output().unwrap();
        if !is_root() && !output.status.success() {
            println!("SKIPPED: needs user namespaces");
            return;
        }
        assert_eq!(String::from_utf8_lossy(&output.stdout), "x\n", "{output:?}");
        assert!(!Path::new("/dev/shm").join(name).exists());
    }

    #[test]
    fn all_targets_run_for_twenty_minutes_unless_something_else_is_said() {
        let all = read(&[]).unwrap();
        assert_eq!((all.targets, all.minutes, all.keeps), (vec!["config".into(), "dbus".into()], 20, false));
        let one = read(&["dbus", "--minutes", "3"]).unwrap();
        assert_eq!((one.targets, one.minutes), (vec!["dbus".to_owned()], 3));
        assert!(read(&["nothing"]).unwrap_err().contains("config, dbus"));
    }
}
