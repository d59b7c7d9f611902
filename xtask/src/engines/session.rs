//! One engine, started in its seclusion, and its cases.
//! Runs on the developer's machine, in namespaces of its own.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Instant;

use crate::engines::ENGINES;
use crate::engines::bench::BENCH;
use crate::engines::case::{Case, Half, Outcome, Verdict};
use crate::engines::engine::Engine;
use crate::engines::seclusion::FOLDER;
use crate::tally::Tally;

/// A started engine.
#[derive(Debug)]
pub(super) struct Session {
    engine: Engine,
    folder: PathBuf,
    runc: PathBuf,
    brig: PathBuf,
    /// No script may take longer, in seconds.
    deadline: u32,
}

/// What every script starts with.
pub(crate) const PRELUDE: &str = include_str!("prelude.sh");
/// Seconds for a script; several times as many on a slow machine.
const DEADLINE: u32 = 60;
/// The engine's own programs, found after the folder with the runtime; nothing that somebody put elsewhere.
const PROGRAMS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";
/// What differs from run to run in every engine: names, the time in a warning, what Docker's client says or does not, when socat
/// warns that we have no terminal. What a weight is of 512 shares, and of 256, which runc 1.4 reckons otherwise than runc 1.1. And
/// what brig says behind runc's words: the entry of the configuration, and the cause.
const ALIKE: [&str; 10] = [
    r"s/(\b|_)[0-9a-f]{64}\b/\1<id>/g",
    r"s/\b[0-9a-f]{12}\b/<short id>/g",
    r#"s/^time="[0-9T:.Z+-]*" //"#,
    "/error waiting for container: context canceled/d",
    r"/socat\[[0-9]+\] W open/d",
    r"s/\b(cpu\.weight[: ])(20|59)$/\1of 512/",
    r"s/\b(cpu\.weight[: ])(10|35)$/\1of 256/",
    r"s/ \((root|process|mounts|hooks|linux)(\.[A-Za-z]+|\[[0-9]+\])*\)//",
    r"/unable to start container process/s/; .*(: (unknown|OCI ))/\1/",
    r"/unable to start container process/s/; .*//",
];

impl Session {
    /// Starts the engine that the first word names, runs its cases that are named by one of the others, and prints the sum.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn inside(words: &[String]) -> Result<(), String> {
        let (name, words) = words.split_first().ok_or("which engine?")?;
        let engine = ENGINES.into_iter().find(|engine| engine.name == name).ok_or("which engine?")?;
        let session = Self::new(engine)?;
        session.uses(&session.runc)?;
        let started = Instant::now();
        session.must("start_engine")?;
        println!("      {name} started in {:.1} s", started.elapsed().as_secs_f32());
        if let [first, rounds] = words
            && first == BENCH
        {
            session.bench(rounds.parse().map_err(|_| "how many rounds?")?)?;
            return session.must("stop_engine");
        }
        let (mut sum, mut remarks) = (Tally::default(), Vec::new());
        for (at, case) in engine.cases(words).iter().enumerate() {
            let verdict = session.judge(case, at)?;
            sum += verdict.tally();
            remarks.extend(verdict.remark());
        }
        session.must("stop_engine")?;
        for remark in remarks {
            println!("      {remark}");
        }
        println!("{sum}");
        Ok(())
    }

    fn new(engine: Engine) -> Result<Self, String> {
        let path = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"))
        };
        let patience = std::env::var("PATIENCE").ok().and_then(|text| text.parse::<u32>().ok()).unwrap_or(1);
        let (runc, brig) = (path("RUNC")?, path("BRIG")?);
        Ok(Self { engine, folder: FOLDER.into(), runc, brig, deadline: DEADLINE * patience })
    }

    /// The engine's name.
    pub(super) fn name(&self) -> &'static str {
        self.engine.name
    }

    /// Where everything of it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs `case` with both, once or until they are alike, and prints a line for each turn, with the difference if there is one.
    fn judge<'a>(&self, case: &'a Case, at: usize) -> Result<Verdict<'a>, String> {
        let started = Instant::now();
        let mut turn = 1;
        loop {
            let verdict = Verdict { case, outcome: self.both(case, at)?, turn };
            let (title, took) = (&case.title, started.elapsed().as_secs_f32());
            match &verdict.outcome {
                _ if verdict.is_open() => println!("again {title} in {took:.1} s\n{}", self.difference()?),
                Outcome::Alike => println!("ok    {title} in {took:.1} s"),
                Outcome::Skipped(reason) | Outcome::Broken(reason) => println!("SKIP  {title}: {reason}"),
                Outcome::Different => println!("FAIL  {title} in {took:.1} s\n{}", self.difference()?),
            }
            if !verdict.is_open() {
                return Ok(verdict);
            }
            turn += 1;
        }
    }

    /// Runs `case` with one runtime after the other.
    fn both(&self, case: &Case, at: usize) -> Result<Outcome, String> {
        // Whoever comes second finds warm caches.
        let (runc, brig) = if at.is_multiple_of(2) {
            let runc = self.half(case, &self.runc, "runc")?;
            (runc, self.half(case, &self.brig, "brig")?)
        } else {
            let brig = self.half(case, &self.brig, "brig")?;
            (self.half(case, &self.runc, "runc")?, brig)
        };
        Ok(Outcome::of(&runc, &brig))
    }

    /// Runs `case` with `runtime`, and what cleans up after it, which is to find nothing.
    fn half(&self, case: &Case, runtime: &Path, name: &str) -> Result<Half, String> {
        self.uses(runtime)?;
        let log = self.folder.join(name);
        let status = self.shell(&case.script, &log)?;
        let cleaned = self.folder.join("cleaned");
        let ended = self.shell("clean_up", &cleaned)?;
        let mut text = self.alike(case, &log)?;
        let left = self.alike(case, &cleaned)?;
        if !left.is_empty() || !ended.success() {
            text.push_str(&format!("cleaning up ({ended}):\n{left}"));
        }
        if !status.success() {
            text.push_str(&format!("the script ended with {status}\n"));
        }
        fs::write(&log, &text).map_err(|error| format!("{}: {error}", log.display()))?;
        Ok(Half { text, status: status.code() })
    }

    /// Turns the link by which the engine finds its runtime.
    pub(super) fn uses(&self, runtime: &Path) -> Result<(), String> {
        self.links(runtime, &self.folder.join("bin/runc"))
    }

    /// Turns `link` to `runtime`.
    pub(super) fn links(&self, runtime: &Path, link: &Path) -> Result<(), String> {
        let new = self.folder.join("bin/new");
        let turned = symlink(runtime, &new).and_then(|()| fs::rename(&new, link));
        turned.map_err(|error| format!("{}: {error}", link.display()))
    }

    /// Runs a script that has to succeed.
    pub(super) fn must(&self, script: &str) -> Result<(), String> {
        let log = self.folder.join("must");
        let status = self.shell(script, &log)?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(format!("{script}: {status}\n{}", said())) }
    }

    fn shell(&self, script: &str, log: &Path) -> Result<ExitStatus, String> {
        let text = format!("{PRELUDE}\n{}\n{script}", self.engine.library);
        let told = |error: std::io::Error| format!("{}: {error}", log.display());
        let out = File::create(log).map_err(told)?;
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", &self.deadline.to_string(), "sh", "-euc", &text]);
        command.current_dir(&self.folder).env("HOME", self.folder.join("home"));
        command.env("PATH", format!("{}:{PROGRAMS}", self.folder.join("bin").display()));
        command.stdin(Stdio::null()).stdout(out.try_clone().map_err(told)?).stderr(out);
        command.status().map_err(|error| format!("timeout: {error}"))
    }

    /// What is in `log`, without what differs from run to run.
    fn alike(&self, case: &Case, log: &Path) -> Result<String, String> {
        let mut command = Command::new("sed");
        command.arg("-E");
        for expression in ALIKE.iter().chain(&case.alike) {
            command.args(["-e", expression]);
        }
        crate::command::output(command.arg(log))
    }

    /// What [`half`](Self::half) wrote last, side by side.
    fn difference(&self) -> Result<String, String> {
        let mut command = Command::new("diff");
        command.current_dir(&self.folder).args(["-u", "--label=runc", "--label=brig", "runc", "brig"]);
        let output = command.output().map_err(|error| format!("diff: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
