//! Where acts are played: brig with a store of its own, the bundles, and the machine as it was before.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::acts::{Act, LEND, Makes, UNTIL_STOPPED};
use super::bundles::{self, Bundle};
use super::left::{self, World};
use super::lent;
use super::terminal::{self, Terminals};
use super::tracer::{self, Harm, Traced};
use super::units;
use crate::old::{self, Feature, How};
use crate::soak::truth::{Traces, explained};

/// The container's.
pub(super) const ID: &str = "box";
/// No command takes longer, whatever is done to it and whoever else wants the processor.
const LIMIT: Duration = Duration::from_secs(120);
/// Where a container is dumped to; nobody counts what is there.
const IMAGES: &str = "/run/images";
const POLL: Duration = Duration::from_micros(500);

/// What a command ended with and wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) said: String,
    pub(super) errors: String,
}

/// What came of an act.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) traced: Traced,
    /// What the command wrote to its standard error.
    pub(super) errors: String,
    /// What is there when the command has succeeded.
    pub(super) outcome: Option<Result<String, String>>,
    /// The state of the container after the command, and its standard error.
    pub(super) state: Ended,
    /// What of it the kernel shows otherwise.
    pub(super) unexplained: Option<String>,
    /// What is wrong with the device of a start that failed.
    pub(super) not_given_back: Option<String>,
    /// What the command left, where it has to leave nothing: who is killed may leave anything.
    pub(super) left_by_itself: Vec<String>,
    /// What `delete --force` said if it failed.
    pub(super) not_deleted: Option<String>,
    /// What it left.
    pub(super) left: Vec<String>,
}

/// The stage.
#[derive(Debug)]
pub(super) struct Scene {
    brig: PathBuf,
    folder: PathBuf,
    group: String,
    world: World,
    units: BTreeSet<String>,
    terminals: Terminals,
    /// The host's namespaces, as the kernel names them.
    namespaces: Vec<String>,
}

impl Scene {
    /// Furnishes `folder`.
    ///
    /// # Errors
    /// It cannot be written to, or busybox is missing.
    pub(super) fn new(brig: &Path, folder: &Path, group: &str) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", folder.display());
        fs::create_dir_all(folder.join("store")).map_err(failed)?;
        bundles::make(brig, folder, group)?;
        for name in ["stdout", "stderr", "walls", "errors", "pid"] {
            fs::write(folder.join(name), "").map_err(failed)?;
        }
        let namespaces = fs::read_dir("/proc/self/ns").map_err(failed)?.flatten();
        let namespaces = namespaces.flat_map(|entry| fs::read_link(entry.path()));
        let namespaces = namespaces.map(|name| name.to_string_lossy().into_owned()).collect();
        let terminals = Terminals::new(&folder.join("console"), &folder.join("walls"))?;
        let (world, units) = (World::now(folder, group), units::now(group)?);
        let (brig, folder, group) = (brig.to_owned(), folder.to_owned(), group.to_owned());
        Ok(Self { brig, folder, group, world, units, terminals, namespaces })
    }

    /// Plays `act`, strikes it once, and clears up.
    ///
    /// # Errors
    /// What has to be there before cannot be made, or ptrace(2) is not possible.
    pub(super) fn play(&self, act: &Act, harm: Option<Harm>) -> Result<Played, String> {
        self.terminals.forget();
        self.empty("walls")?;
        empty_images()?;
        for command in act.before {
            let ended = self.brig(act, command)?;
            if ended.code != 0 {
                return Err(format!("{}: {command}: {}", act.name, ended.errors));
            }
        }
        let watched = if act.name == "start" { self.pid_of_init() } else { None };
        let mut words = self.words(act, act.command);
        if let Some(Harm::Without(feature @ Feature { how: How::Calls(_), .. })) = harm {
            words.splice(0..0, old::words_before(feature)?);
        }
        let starter = self.starter(act, &words)?;
        let traced = tracer::trace(starter, watched, harm, LIMIT)?;
        let mut played = Played { errors: left::read(&self.folder, "errors"), traced, ..Played::default() };
        played.state = self.brig(act, "state ID")?;
        played.unexplained = self.unexplained(act, &played.state)?;
        if played.traced.code == 0 {
            played.outcome = Some(self.complete(act, &played.state));
        } else if act.makes_container() && played.traced.signal.is_none() {
            played.not_given_back = if act.bundle.takes_device() { lent::not_given_back() } else { None };
            played.left_by_itself = self.left(act)?;
        }
        let deleted = self.brig(act, "delete --force ID")?;
        played.not_deleted = (deleted.code != 0).then_some(deleted.errors);
        played.left = self.left(act)?;
        if act.bundle.takes_device() {
            lent::remove()?;
        }
        if !played.left.is_empty() {
            self.sweep(&played.left);
        }
        Ok(played)
    }

    /// What there is that was not.
    fn left(&self, act: &Act) -> Result<Vec<String>, String> {
        let mut left = self.world.left(&self.folder, &self.group);
        left.retain(|what| !lent::is_of_the_host(what));
        if act.bundle.is_in_unit() {
            left.extend(units::left(&self.group, &self.units)?);
        }
        Ok(left)
    }

    /// The command, with its streams.
    fn starter(&self, act: &Act, words: &[String]) -> Result<Command, String> {
        let input = if act.is_in_terminal() { self.terminals.of_host()? } else { "/dev/null".into() };
        let mut starter = tracer::starter(words, &input);
        let is_dumped = act.bundle == Bundle::Dumped;
        let stdout = if is_dumped {
            nowhere()?
        } else if act.is_in_terminal() {
            terminal::open(&input)?
        } else {
            self.open("walls")?
        };
        let stderr = left::emptied(&self.folder, "errors")?;
        starter.stdout(stdout).stderr(if is_dumped { nowhere()? } else { stderr });
        Ok(starter)
    }

    /// What `state` says otherwise than the kernel, for longer than it takes to end.
    fn unexplained(&self, act: &Act, state: &Ended) -> Result<Option<String>, String> {
        let group = match act.bundle.is_in_unit() {
            true => units::cgroup(&self.group),
            false => format!("{}/{ID}", self.group),
        };
        let traces = Traces { folder: self.folder.join("store").join(ID), group };
        let (mut state, deadline) = (state.clone(), Instant::now() + LIMIT);
        loop {
            match explained(state.code, &state.said, &state.errors, &traces) {
                Ok(_) => return Ok(None),
                Err(reason) if Instant::now() > deadline => return Ok(Some(reason)),
                Err(_) => thread::sleep(POLL),
            }
            state = self.brig(act, "state ID")?;
        }
    }

    /// What there is now that the command has succeeded.
    fn complete(&self, act: &Act, state: &Ended) -> Result<String, String> {
        let mut state = state.clone();
        for command in act.after {
            let ended = self.brig(act, command)?;
            if ended.code != 0 {
                return Err(format!("{command}: {}", ended.errors));
            }
            state = self.brig(act, "state ID")?;
        }
        let status = if state.code == 0 { status(&state.said) } else { "none" };
        match act.makes {
            Makes::Walls => {
                if act.has_terminal() {
                    self.terminals.settle();
                }
                Ok(self.walls())
            }
            Makes::State(wanted) if status == wanted => Ok(String::new()),
            Makes::Nothing if status == "none" => match self.left(act)?.first() {
                None => Ok(String::new()),
                Some(what) => Err(format!("left, and no failure: {what}")),
            },
            Makes::State(_) | Makes::Nothing => Err(format!("the container is {status}")),
        }
    }

    /// What the probe printed, without what is different each time.
    fn walls(&self) -> String {
        let text = left::read(&self.folder, "walls");
        let lines = text.lines().map(|line| {
            let namespace = line.split_once(":[").map(|(kind, _)| kind);
            match namespace {
                Some(kind) if self.namespaces.iter().any(|host| host == line) => {
                    format!("{kind} of the host")
                }
                Some(kind) => format!("{kind} of its own"),
                None => without_numbers(line),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn pid_of_init(&self) -> Option<i32> {
        left::read(&self.folder, "pid").trim().parse().ok()
    }

    /// Runs one command of brig's to its end.
    fn brig(&self, act: &Act, command: &str) -> Result<Ended, String> {
        if command == UNTIL_STOPPED {
            return self.until_stopped(act);
        }
        if command == LEND {
            return lent::make().map(|()| Ended::default());
        }
        // What a container writes goes where its walls are looked for.
        let is_start = ["create", "run", "start"].iter().any(|name| command.starts_with(name));
        let is_apart = is_start && act.bundle == Bundle::Dumped;
        let stdout = match (is_apart, is_start) {
            (true, _) => nowhere()?,
            (false, true) => self.open("walls")?,
            (false, false) => left::emptied(&self.folder, "stdout")?,
        };
        let stderr = if is_apart { nowhere()? } else { left::emptied(&self.folder, "stderr")? };
        let words = self.words(act, command);
        let (program, words) = words.split_first().ok_or("no command")?;
        let mut run = Command::new(program);
        run.args(words).stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let mut child = run.spawn().map_err(|error| format!("{program}: {error}"))?;
        let deadline = Instant::now() + LIMIT;
        let code = loop {
            match child.try_wait().map_err(|error| format!("{program}: {error}"))? {
                Some(status) => break status.code().unwrap_or(128),
                None if Instant::now() > deadline => {
                    child
                        .kill()
                        .and_then(|()| child.wait())
                        .map_err(|error| format!("{program}: {error}"))?;
                    return Ok(Ended { code: -1, errors: "it never ends".into(), ..Ended::default() });
                }
                None => thread::sleep(POLL),
            }
        };
        let said = if is_start { String::new() } else { left::read(&self.folder, "stdout") };
        Ok(Ended { code, said, errors: left::read(&self.folder, "stderr") })
    }

    fn until_stopped(&self, act: &Act) -> Result<Ended, String> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let ended = self.brig(act, "state ID")?;
            if ended.code != 0 || status(&ended.said) == "stopped" || Instant::now() > deadline {
                return Ok(ended);
            }
            thread::sleep(POLL);
        }
    }

    fn words(&self, act: &Act, command: &str) -> Vec<String> {
        let text = |path: PathBuf| path.display().to_string();
        let mut words =
            vec![self.brig.display().to_string(), "--root".into(), text(self.folder.join("store"))];
        if act.bundle == Bundle::Dumped {
            words.extend(["--log".into(), text(self.folder.join("errors"))]);
        }
        if act.bundle.is_in_unit() {
            words.push("--systemd-cgroup".into());
        }
        words.extend(command.split(' ').map(|word| match word {
            "ID" => ID.to_owned(),
            "BUNDLE" => text(act.bundle.path(&self.folder)),
            "PIDFILE" => text(self.folder.join("pid")),
            "CONSOLE" => text(self.folder.join("console")),
            "IMAGES" => IMAGES.to_owned(),
            word => word.to_owned(),
        }));
        words
    }

    /// So that one case that leaves something does not spoil the next: everything below the store, and processes.
    fn sweep(&self, left: &[String]) {
        for what in left {
            let mut words = what.split(' ');
            let done = match (words.next(), words.next().unwrap_or_default()) {
                (Some("process"), pid) => Command::new("kill").args(["-KILL", pid]).status().map(drop),
                (Some("interface"), name) => {
                    Command::new("ip").args(["link", "del", name]).status().map(drop)
                }
                (Some("unit"), name) => units::stop(name),
                (Some("file"), path) if !Path::new(path).is_dir() => fs::remove_file(path),
                _ => Ok(()),
            };
            if let Err(error) = done {
                eprintln!("xtask: {what}: {error}");
            }
        }
        for what in self.world.left(&self.folder, &self.group).iter().rev() {
            let path = what.split_once(' ').map_or("", |(_, path)| path);
            if Path::new(path).is_dir() {
                fs::remove_dir(path).unwrap_or_else(|error| eprintln!("xtask: {what}: {error}"));
            }
        }
    }

    fn empty(&self, name: &str) -> Result<(), String> {
        left::emptied(&self.folder, name).map(drop)
    }

    fn open(&self, name: &str) -> Result<File, String> {
        let open = File::options().append(true).open(self.folder.join(name));
        open.map_err(|error| format!("{name}: {error}"))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        left::remove_groups(&self.group);
    }
}

fn empty_images() -> Result<(), String> {
    let images = Path::new(IMAGES);
    let removed = if images.exists() { fs::remove_dir_all(images) } else { Ok(()) };
    removed.and_then(|()| fs::create_dir(images)).map_err(|error| format!("{IMAGES}: {error}"))
}

fn nowhere() -> Result<File, String> {
    File::options().write(true).open("/dev/null").map_err(|error| format!("/dev/null: {error}"))
}

fn status(document: &str) -> &'static str {
    let value: serde_json::Value = serde_json::from_str(document).unwrap_or_default();
    let known = ["creating", "created", "running", "paused", "stopped"];
    known.into_iter().find(|name| value["status"] == *name).unwrap_or("none")
}

fn without_numbers(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').filter(|word| !is_number_of_peers(word)).collect();
    // One hierarchy has many names for its source.
    words.join(" ").replace(" - cgroup2 none ", " - cgroup2 cgroup ")
}

/// `shared:12`, `master:3`, and the numbers of file systems without a device: `0:57`.
fn is_number_of_peers(word: &str) -> bool {
    let mut parts = word.splitn(2, ':');
    let (kind, number) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    matches!(kind, "shared" | "master" | "0")
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}
