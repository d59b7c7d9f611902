//! Does one step after the other, and looks at what came of it.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::bundles::{Bundles, Kind};
use super::parent::{Parent, gone, kill};
use super::score::{Deed, Status, Step};
use super::truth::{Traces, explained};
use super::words::{console, succeeds, words};
use crate::faults::errors::is_of_the_library;
use crate::faults::left::{self, World};
use crate::faults::tracer;

/// No command takes longer, and nothing else does.
const LIMIT: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(2);
/// A container that is there from the first step to the last, with a parent in the foreground and one that prints events.
const KEPT: &str = "kept";

/// So much of what was done is told when something is wrong.
const PAST: usize = 6;

/// What came of a step.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) code: i32,
    /// It was killed, or had a fault: the call came.
    pub(super) struck: bool,
    pub(super) violations: Vec<String>,
}

/// One of the containers.
#[derive(Debug)]
struct Actor {
    id: String,
    kind: Kind,
    /// What was seen of it last; none if that may have changed.
    status: Option<Status>,
    parent: Option<Parent>,
    /// A signal may be on its way: what is frozen gets it when it thaws.
    doomed: bool,
    /// What was done to it last.
    past: VecDeque<String>,
    /// Whom its terminal went to.
    console: Option<UnixListener>,
}

/// Brig, its store, the bundles, and what there was before.
#[derive(Debug)]
pub(super) struct Stage {
    brig: PathBuf,
    folder: PathBuf,
    group: String,
    bundles: Bundles,
    world: World,
    actors: Vec<Actor>,
    kept: Vec<Parent>,
    /// What the parents that were there all the time held, in words.
    account: Vec<String>,
}

impl Stage {
    /// Furnishes `folder`.
    ///
    /// # Errors
    /// It cannot be written to, or busybox is missing.
    pub(super) fn new(brig: &Path, folder: &Path, group: &str, containers: usize) -> Result<Self, String> {
        let failed = |error| format!("{}: {error}", folder.display());
        let ids = |number| format!("box{number}");
        let mut names: Vec<String> = (0..containers).map(ids).collect();
        names.push(KEPT.to_owned());
        fs::create_dir_all(folder.join("store")).map_err(failed)?;
        let bundles = Bundles::new(brig, folder, group, &names)?;
        for name in ["stdout", "stderr"] {
            fs::write(folder.join(name), "").map_err(failed)?;
        }
        let actor = |id| Actor {
            id,
            kind: Kind::Plain,
            status: Some(Status::None),
            parent: None,
            doomed: false,
            past: VecDeque::new(),
            console: None,
        };
        let actors = (0..containers).map(ids).map(actor).collect();
        let world = World::now(folder, group);
        let (brig, folder, group) = (brig.to_owned(), folder.to_owned(), group.to_owned());
        let mut stage =
            Self { brig, folder, group, bundles, world, actors, kept: Vec::new(), account: Vec::new() };
        stage.keep(containers)?;
        Ok(stage)
    }

    /// Starts what stays.
    fn keep(&mut self, number: usize) -> Result<(), String> {
        self.bundles.write(Kind::Plain, KEPT, number)?;
        self.kept.push(Parent::start(&self.words(Deed::Run, KEPT))?);
        let deadline = Instant::now() + LIMIT;
        while self.explain(KEPT) != Ok(Status::Running) {
            if Instant::now() > deadline {
                return Err("a container in the foreground does not start".into());
            }
            thread::sleep(POLL);
        }
        let mut words = self.head();
        words.extend(["events", "--interval", "1s", KEPT].map(str::to_owned));
        self.kept.push(Parent::start(&words)?);
        thread::sleep(Duration::from_secs(3));
        let grown = self.kept.iter_mut().find_map(Parent::has_grown);
        grown.map_or(Ok(()), Err)
    }

    /// Does `step`.
    ///
    /// # Errors
    /// Something that is not brig's does not work.
    pub(super) fn play(&mut self, step: &Step) -> Result<Played, String> {
        if self.actors[step.container].status.is_none() {
            self.actors[step.container].status = self.settle(step.container, false).ok();
        }
        self.prepare(step)?;
        let mut played = if step.deed == Deed::Run {
            self.run_foreground(step)?
        } else if step.deed == Deed::EndParent {
            self.end_parent(step)?
        } else {
            self.command(step)?
        };
        let actor = &mut self.actors[step.container];
        let before = actor.status.take();
        let is_doomed = actor.doomed && !matches!(before, Some(Status::Stopped | Status::None));
        actor.doomed = is_doomed || matches!(step.deed, Deed::Kill | Deed::DeleteForced);
        let disturbed = is_doomed || played.struck || step.deed == Deed::Run || step.deed == Deed::EndParent;
        if !disturbed {
            played.violations.extend(self.unexpected(step, before, played.code));
        }
        let is_killed = !disturbed && step.deed == Deed::Kill && played.code == 0;
        let ends = is_killed && matches!(before, Some(Status::Running | Status::Created));
        match self.settle(step.container, ends) {
            // A kill takes effect when it does, and so does that of a container whose start failed.
            Ok(_) if played.struck || step.deed == Deed::Kill && !ends => {}
            Ok(status) => self.actors[step.container].status = Some(status),
            Err(reason) => played.violations.push(reason),
        }
        let actor = &mut self.actors[step.container];
        if !played.violations.is_empty() {
            played.violations.push(format!("before that: {}", actor.past.make_contiguous().join("; ")));
        }
        let struck = if played.struck { "struck, " } else { "" };
        actor.past.push_back(format!("{step} → {struck}{} {:?}", played.code, actor.status));
        if actor.past.len() > PAST {
            actor.past.pop_front();
        }
        let parent = self.actors[step.container].parent.as_mut();
        played.violations.extend(parent.and_then(Parent::has_grown));
        Ok(played)
    }

    /// What has to be there for a container to be made.
    fn prepare(&mut self, step: &Step) -> Result<(), String> {
        let actor = &mut self.actors[step.container];
        let makes = matches!(step.deed, Deed::Create | Deed::RunDetached | Deed::Run);
        if !makes || actor.status != Some(Status::None) || actor.parent.is_some() {
            return Ok(());
        }
        // In the foreground a terminal would be ours, and we have none.
        let no_terminal = step.deed == Deed::Run && step.kind == Kind::Terminal;
        actor.kind = if no_terminal { Kind::Plain } else { step.kind };
        self.bundles.write(actor.kind, &actor.id, step.container)?;
        let socket = console(&self.folder, &actor.id);
        if socket.exists() {
            fs::remove_file(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
        }
        actor.console = None;
        if actor.kind == Kind::Terminal {
            let listener =
                UnixListener::bind(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
            actor.console = Some(listener);
        }
        Ok(())
    }

    fn run_foreground(&mut self, step: &Step) -> Result<Played, String> {
        let words = self.words(Deed::Run, &self.actors[step.container].id);
        let mut played = Played::default();
        let parent = Parent::start(&words)?;
        let id = self.actors[step.container].id.clone();
        let deadline = Instant::now() + LIMIT;
        while parent.is_alive() && self.explain(&id) != Ok(Status::Running) {
            if Instant::now() > deadline {
                played.violations.push("it does not start its container".into());
                break;
            }
            thread::sleep(POLL);
        }
        let actor = &mut self.actors[step.container];
        if parent.is_alive() && actor.parent.is_none() && actor.status == Some(Status::None) {
            actor.parent = Some(parent);
        } else {
            // There was one of this name.
            if actor.status == Some(Status::None) {
                played.violations.push("it starts no container, and there was none".into());
            }
            played.code = 1;
            played.violations.extend(gone(&parent));
        }
        Ok(played)
    }

    fn end_parent(&mut self, step: &Step) -> Result<Played, String> {
        let Some(parent) = self.actors[step.container].parent.take() else {
            return Ok(Played { code: 1, ..Played::default() });
        };
        kill(&parent)?;
        Ok(Played { violations: gone(&parent).into_iter().collect(), ..Played::default() })
    }

    fn command(&self, step: &Step) -> Result<Played, String> {
        let words = self.words(step.deed, &self.actors[step.container].id);
        let mut played = Played::default();
        let (mut hung, mut is_mute) = (false, false);
        if step.aim.is_some() {
            let mut starter = tracer::starter(&words, Path::new("/dev/null"));
            starter
                .stdout(left::emptied(&self.folder, "stdout")?)
                .stderr(left::emptied(&self.folder, "stderr")?);
            let traced = tracer::trace(starter, None, step.aim, LIMIT)?;
            (played.code, played.struck, hung) = (traced.code, traced.struck, traced.hung);
            is_mute = step.is_killed() || traced.could_not_say;
        } else {
            match self.untraced(&words)? {
                Some(code) => played.code = code,
                None => hung = true,
            }
        }
        let errors = left::read(&self.folder, "stderr");
        if hung {
            played.violations.push("it never ends".into());
        }
        if errors.contains("panicked") && !is_of_the_library(&errors) {
            played.violations.push(format!("it panics: {}", errors.trim()));
        }
        if played.code != 0 && !is_mute && errors.trim().is_empty() && step.deed != Deed::Exec {
            played.violations.push(format!("it ends with {} and says nothing", played.code));
        }
        Ok(played)
    }

    /// The exit code; none if it had to be stopped.
    fn untraced(&self, words: &[String]) -> Result<Option<i32>, String> {
        let (program, words) = words.split_first().ok_or("no command")?;
        let failed = |error| format!("{program}: {error}");
        let mut run = Command::new(program);
        run.args(words)
            .stdin(Stdio::null())
            .stdout(left::emptied(&self.folder, "stdout")?)
            .stderr(left::emptied(&self.folder, "stderr")?);
        let mut child = run.spawn().map_err(failed)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            match child.try_wait().map_err(failed)? {
                Some(status) => return Ok(Some(status.code().unwrap_or(128))),
                None if Instant::now() > deadline => {
                    child.kill().and_then(|()| child.wait()).map_err(failed)?;
                    return Ok(None);
                }
                None => thread::sleep(Duration::from_micros(500)),
            }
        }
    }

    /// What is wrong with the exit code of a command that nobody disturbed.
    fn unexpected(&self, step: &Step, before: Option<Status>, code: i32) -> Option<String> {
        let before = before?;
        if self.actors[step.container].parent.is_some()
            && before != Status::Running
            && before != Status::Paused
        {
            return None; // it deletes its container itself
        }
        let succeeds = succeeds(step.deed, before)?;
        let errors = left::read(&self.folder, "stderr");
        (succeeds != (code == 0))
            .then(|| format!("of a container that is {before:?} it ends with {code}: {}", errors.trim()))
    }

    /// Until `state` is right, the container has ended if it has to, and its parent has too.
    fn settle(&mut self, container: usize, ends: bool) -> Result<Status, String> {
        let deadline = Instant::now() + LIMIT;
        let id = self.actors[container].id.clone();
        loop {
            let seen = self.explain(&id);
            let has_ended = matches!(seen, Ok(Status::Stopped | Status::None));
            let parent = self.actors[container].parent.as_ref();
            if has_ended && parent.is_some_and(|parent| !parent.is_alive()) {
                self.actors[container].parent = None;
                continue;
            }
            let unsettled = seen.is_err() || ends && !has_ended || has_ended && parent.is_some();
            match seen {
                _ if unsettled && Instant::now() < deadline => thread::sleep(POLL),
                Ok(status) if unsettled => return Err(format!("it is {status:?} and stays that")),
                seen => return seen,
            }
        }
    }

    fn explain(&self, id: &str) -> Result<Status, String> {
        let words = self.words(Deed::State, id);
        let (program, words) = words.split_first().ok_or("no command")?;
        let ended = Command::new(program).args(words).stdin(Stdio::null()).output();
        let ended = ended.map_err(|error| format!("{program}: {error}"))?;
        let traces =
            Traces { folder: self.folder.join("store").join(id), group: format!("{}/{id}", self.group) };
        let (said, errors) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        explained(ended.status.code().unwrap_or(-1), &said, &errors, &traces)
    }

    /// Deletes everything. Returns what is left.
    ///
    /// # Errors
    /// Something that is not brig's does not work.
    pub(super) fn end(&mut self) -> Result<Vec<String>, String> {
        let mut wrong: Vec<String> = self.kept.iter_mut().filter_map(Parent::has_grown).collect();
        for (parent, name) in self.kept.iter().zip(["run", "events"]) {
            let (first, now) = (parent.first(), parent.holds());
            self.account.push(format!("{name} held {first:?} and holds {now:?}"));
            if !parent.is_alive() {
                wrong.push(format!("{name} has ended before its container"));
            }
        }
        let ids = self.actors.iter().map(|actor| actor.id.clone()).chain([KEPT.to_owned()]);
        for id in ids.collect::<Vec<_>>() {
            match self.untraced(&self.words(Deed::DeleteForced, &id))? {
                Some(0) => {}
                code => wrong.push(format!(
                    "delete --force {id}: {code:?}: {}",
                    left::read(&self.folder, "stderr").trim()
                )),
            }
        }
        let parents = self.actors.iter().filter_map(|actor| actor.parent.as_ref()).chain(&self.kept);
        wrong.extend(parents.filter_map(gone));
        for actor in &self.actors {
            let socket = console(&self.folder, &actor.id);
            if socket.exists() {
                fs::remove_file(&socket).map_err(|error| format!("{}: {error}", socket.display()))?;
            }
        }
        wrong.extend(self.world.left(&self.folder, &self.group).iter().map(|what| format!("left: {what}")));
        let (then, now) = (self.world.counted(), World::now(&self.folder, &self.group).counted());
        self.account.push(format!("there was {then}, there is {now}"));
        Ok(wrong)
    }

    /// What there was and what there is, in words.
    pub(super) fn account(&self) -> String {
        self.account.join("; ")
    }

    fn head(&self) -> Vec<String> {
        let store = self.folder.join("store").display().to_string();
        vec![self.brig.display().to_string(), "--root".into(), store]
    }

    fn words(&self, deed: Deed, id: &str) -> Vec<String> {
        self.head().into_iter().chain(words(deed, id, &self.folder)).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        left::remove_groups(&self.group);
    }
}
